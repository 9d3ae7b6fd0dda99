"""Space groups, Wyckoff positions, genes, Euclidean normalizers and symmetry detection."""
