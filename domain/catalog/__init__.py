"""What can be recommended: one catalogue of templates, styles, features and content per tenant."""
