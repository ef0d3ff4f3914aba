package sigv4

const upperHex = "0123456789ABCDEF"

// AppendPath appends the path of a connection as it goes over the wire: base, the escaped path that is before
// "/@connections", and the id with everything escaped but letters, digits and "-._~", as the SDK does.
func AppendPath(dst []byte, base, connectionID string) []byte {
	dst = append(dst, base...)
	dst = append(dst, "/@connections/"...)
	for _, c := range []byte(connectionID) {
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
func canonicalBase(base string) string {
	var dst []byte
	for _, c := range []byte(base + "/@connections/") {
		if isUnreserved(c) || c == '/' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
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
