command_test() { :; }
command_bench() { :; }
