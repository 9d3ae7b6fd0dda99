"""From a target to screened genes: seeds, latent sampling, decoding, funnel."""
