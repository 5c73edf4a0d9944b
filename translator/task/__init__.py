"""From a taskYaml to a Task, or to every problem at once."""
