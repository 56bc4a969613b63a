"""People's own documents: read in processes with limits, indexed while they are searched, watched for changes."""
