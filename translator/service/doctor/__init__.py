"""Whether an installation would work: what `translator doctor` looks at, each finding with its remedy."""
