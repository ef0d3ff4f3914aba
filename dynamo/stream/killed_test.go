package stream_test

const victimVariable = "GATESOCK_TEST_VICTIM"

func victim() {}
