"""What a taskYaml may hold, as cerberus schemas by topic."""
