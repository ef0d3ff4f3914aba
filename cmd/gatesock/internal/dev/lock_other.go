//go:build !unix

package dev

import "os"

// lockFile does nothing where there is no flock: two commands in one folder then differ by their
// port.
func lockFile(*os.File) error { return nil }
