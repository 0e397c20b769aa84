"""Files of other systems, read row by row into the product's own records; a bad row is reported and the rest loads."""
