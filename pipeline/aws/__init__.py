"""The adapters to AWS: boto3 and Powertools live here and nowhere else on the Lambda path."""
