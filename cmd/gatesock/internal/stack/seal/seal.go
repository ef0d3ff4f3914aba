// Package seal marks generated files, so that the command does not overwrite what people have
// changed in them.
package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
)

// marker begins the first line of a sealed text. It is a comment in YAML and HCL.
const marker = "# gatesock template sha256="

// Seal returns a text with a first line that has its checksum.
func Seal(text []byte) []byte {
	return append([]byte(marker+sum(text)+"\n"), text...)
}

// Edited reports whether a text is not as [Seal] returned it. Line ends may be those of Windows, as
// git changes them.
func Edited(text []byte) bool {
	first, rest, _ := bytes.Cut(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\n"))
	return string(first) != marker+sum(rest)
}

func sum(text []byte) string {
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:])
}
