package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

// The lengths of a key's parts, in base62 digits.
const (
	idDigits       = 12 // 71 bits
	secretDigits   = 43 // 256 bits
	checksumDigits = 6  // 32 bits
)

// errMalformed is the error of a text that was cut or mistyped, or is not a key at all.
var errMalformed = errors.New("apikey: malformed key")

// text is a key in its parts.
type text struct{ prefix, id, secret string }

// newText makes a key with a random secret.
func newText(prefix string) text {
	return text{prefix, randomDigits(idDigits), randomDigits(secretDigits)}
}

// String returns the key as its owner has it.
func (t text) String() string {
	key := t.prefix + "_" + t.id + "_" + t.secret
	return key + checksum(key)
}

// hash returns what is stored of the secret.
func (t text) hash() string {
	sum := sha256.Sum256([]byte(t.secret))
	return hex.EncodeToString(sum[:])
}

// parse parses a key. Its errors contain nothing of the secret.
func parse(key string) (text, error) {
	rest, secret, ok := cutLast(key, "_")
	prefix, id, ok2 := cutLast(rest, "_")
	switch {
	case !ok || !ok2:
		return text{}, fmt.Errorf("%w: want prefix_id_secret", errMalformed)
	case ValidatePrefix(prefix) != nil:
		return text{}, fmt.Errorf("%w: invalid prefix", errMalformed)
	case len(id) != idDigits || strings.Trim(id, digits) != "":
		return text{}, fmt.Errorf("%w: want an id of %d letters and digits", errMalformed, idDigits)
	case len(secret) != secretDigits+checksumDigits || strings.Trim(secret, digits) != "":
		return text{}, fmt.Errorf("%w: want a secret of %d letters and digits", errMalformed, secretDigits+checksumDigits)
	}
	end := len(key) - checksumDigits
	if checksum(key[:end]) != key[end:] {
		return text{}, fmt.Errorf("%w: the checksum is wrong; the key was cut or mistyped", errMalformed)
	}
	return text{prefix, id, secret[:secretDigits]}, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// ValidatePrefix returns an error for a prefix that [WithPrefix] does not take. Use it for a prefix
// from outside the program.
func ValidatePrefix(prefix string) error {
	if prefix == "" || len(prefix) > 16 || strings.Trim(prefix, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" ||
		strings.HasPrefix(prefix, "_") || strings.HasSuffix(prefix, "_") {
		return fmt.Errorf("apikey: prefix %.20q: want 1 to 16 lower-case letters, digits and inner underscores", prefix)
	}
	return nil
}

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// randomDigits returns random digits, each of which is equally likely.
func randomDigits(n int) string {
	b := make([]byte, 0, n)
	for len(b) < n {
		var pool [64]byte
		_, _ = rand.Read(pool[:]) // It never fails.
		for _, c := range pool {
			if c >= 4*62 || len(b) == n {
				continue
			}
			b = append(b, digits[c%62])
		}
	}
	return string(b)
}

// checksum returns the CRC-32 of a key in base62.
func checksum(key string) string {
	sum := crc32.ChecksumIEEE([]byte(key))
	var out [checksumDigits]byte
	for i := checksumDigits - 1; i >= 0; i-- {
		out[i] = digits[sum%62]
		sum /= 62
	}
	return string(out[:])
}
