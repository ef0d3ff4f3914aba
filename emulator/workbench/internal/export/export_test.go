package export

// LooksRandom is looksRandom, for the tests of package export_test.
func LooksRandom(text string) bool { return looksRandom(text) }
