"""The resources of the API, one file each; every file lists its routes in `ROUTES`."""
