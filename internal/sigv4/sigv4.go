// Package sigv4 has the parts of AWS Signature Version 4 that a signer and a verifier share: the
// names, the key, the hash of a payload and the escaping of a canonical request (AWS Identity and
// Access Management User Guide, "Create a signed AWS API request").
//
// Package apigw signs with them, and package emulator verifies.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// The fixed words of a signature for API Gateway.
const (
	Algorithm  = "AWS4-HMAC-SHA256"
	Service    = "execute-api"
	Terminator = "aws4_request"
)

// The layouts of the header X-Amz-Date and of the day in a credential scope.
const (
	TimeLayout = "20060102T150405Z"
	DayLayout  = "20060102"
)

// Key derives the key that signs requests to API Gateway on one day in one region.
func Key(secret, day, region string) [sha256.Size]byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{day, region, Service, Terminator} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	return [sha256.Size]byte(key)
}

// Hash is the SHA-256 of a payload in lower-case hexadecimal digits.
type Hash [2 * sha256.Size]byte

// HashPayload returns the hash of a payload; nil is an empty one.
func HashPayload(data []byte) (h Hash) {
	sum := sha256.Sum256(data)
	hex.Encode(h[:], sum[:])
	return h
}

// CanonicalPath returns a path as it is signed: each segment of the path on the wire is escaped
// once more.
func CanonicalPath(path string) string {
	var dst []byte
	for i, segment := range strings.Split(path, "/") {
		if i > 0 {
			dst = append(dst, '/')
		}
		dst = AppendEscaped(dst, segment)
	}
	return string(dst)
}

// AppendEscaped appends text with everything escaped but letters, digits and "-._~".
func AppendEscaped(dst []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; unreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// AppendEscapedTwice appends text as AppendEscaped does, and escapes that once more: this is how
// a canonical request has a path segment that is escaped on the wire.
func AppendEscapedTwice(dst []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; unreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', '2', '5', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

const upperHex = "0123456789ABCDEF"

func unreserved(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	default:
		return c == '-' || c == '.' || c == '_' || c == '~'
	}
}
