"""What `make site` needs besides MkDocs."""
