"""What several tests share: isolated databases, a deployment over them, spec texts."""
