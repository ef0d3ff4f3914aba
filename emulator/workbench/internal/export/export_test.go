package export

// What the tests of package export_test use.
var (
	FaultOf     = faultOf
	LooksRandom = looksRandom
)
