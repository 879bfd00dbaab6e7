"""Files of tenants behind one interface: a local folder, or a bucket of a storage with the API of S3."""
