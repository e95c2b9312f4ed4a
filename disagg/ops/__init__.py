"""What asks an AWS account: opt-in, never part of synth."""
