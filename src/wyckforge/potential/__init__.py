"""The interatomic potential: energies, forces and stresses, embeddings, and the mechanics of a crystal."""
