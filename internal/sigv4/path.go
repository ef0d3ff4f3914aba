package sigv4

import "strings"

const upperHex = "0123456789ABCDEF"

// AppendPath appends the path of a connection as it goes over the wire: base, the escaped path that is before
// "/@connections", and the id with everything escaped but letters, digits and "-._~", as the SDK does.
func AppendPath(dst []byte, base, connectionID string) []byte {
	dst = append(dst, base...)
	return appendEscaped(append(dst, "/@connections/"...), connectionID)
}

// appendEscaped escapes everything but letters, digits and "-._~".
func appendEscaped(dst []byte, text string) []byte {
	for i := range len(text) {
		c := text[i]
		if isUnreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// appendTwiceEscaped appends an id as it is signed: a canonical request has the path of the wire escaped again.
func appendTwiceEscaped(dst []byte, connectionID string) []byte {
	for _, c := range []byte(connectionID) {
		if isUnreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', '2', '5', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// canonicalBase gives a base path as it is signed, up to the id.
func canonicalBase(base string) string { return escapePath(base + "/@connections/") }

// escapePath gives a path of the wire as it is signed: its segments escaped once more.
func escapePath(path string) string {
	var dst []byte
	for i, segment := range strings.Split(path, "/") {
		if i > 0 {
			dst = append(dst, '/')
		}
		dst = appendEscaped(dst, segment)
	}
	return string(dst)
}

func isUnreserved(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	default:
		return c == '-' || c == '.' || c == '_' || c == '~'
	}
}
