"""An AWS endpoint on loopback: moto's server, what its CloudFormation lacks, and the CDK CLI."""
