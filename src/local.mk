# The programs: options, settings, start, stop; nothing else.
