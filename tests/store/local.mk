# Tests of kind store.
