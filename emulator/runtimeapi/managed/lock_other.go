//go:build !unix

package managed

// lock does nothing: where files cannot be locked, the same packages may be installed twice.
func lock(string) (unlock func(), err error) { return func() {}, nil }
