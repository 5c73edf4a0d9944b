"""The settings: a YAML file with the seed's names and ours, over it ``TRANSLATOR_…`` variables, then options.

A field's key in the file is its name in camelCase, but for the seed's own five. Its variable is
``TRANSLATOR_`` and the field's name in capitals, with ``__`` before a name inside a group
(``TRANSLATOR_REDIS__ADDR``). A key that is not known is an error. A variable that is not known is none:
Kubernetes itself sets TRANSLATOR_SERVICE_HOST and the like where a Service is called translator.

`model` has all settings, with a module for each group of them; `keys` says what they are called; `loading`
reads them.
"""

from translator.settings.loading import InvalidSettingsError, load_settings
from translator.settings.model import Settings

__all__ = ["InvalidSettingsError", "Settings", "load_settings"]
