"""What content analysis found: in items of the catalogue, and in what people made themselves."""
