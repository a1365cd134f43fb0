# Tests of kind model: spin looks at every run of the protocol. "./dev test model" runs the same script by itself.
TESTS += tests/model/run.sh
EXTRA_DIST += tests/model/run.sh tests/model/scripts.pml tests/model/cache.pml tests/model/list.pml \
	tests/model/outbox.pml tests/model/epoch.pml tests/model/restore.pml tests/model/split.pml tests/model/election.pml \
	tests/model/l1.pml tests/model/l1_leases.pml tests/model/queue.pml tests/model/slots.pml
