"""How well the blurb verifier tells true texts from false ones, on real catalogues."""
