package signing

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/gatesock/gatesock/internal/sigv4"
)

// Moment has everything that requests to one endpoint share within one second. It is immutable and
// safe for concurrent use.
type Moment struct {
	// Date and Token are the values of the headers X-Amz-Date and X-Amz-Security-Token. Without a
	// token, leave that header out.
	Date, Token string

	second int64
	// path is the canonical path up to the connection id.
	path string
	// headers has the canonical headers that every request has, the last ones in their order.
	headers string
	// names is the end of the list of signed headers.
	names string
	// credential is the value of Authorization up to the list of signed headers.
	credential string
	// inner is what the inner hash of a signature begins with: the block of the key, and the string
	// to sign without the hash of the request. outer is the block of the key for the outer hash
	// (RFC 2104).
	inner []byte
	outer [sha256.BlockSize]byte
}

func newMoment(s *Signer, c Credentials, now time.Time) *Moment {
	now = now.UTC()
	m := &Moment{
		Date:   now.Format(sigv4.TimeLayout),
		Token:  c.SessionToken,
		second: now.Unix(),
		path:   s.path,
		names:  "host;x-amz-date",
	}
	m.headers = "host:" + s.cfg.Host + "\nx-amz-date:" + m.Date + "\n"
	if m.Token != "" {
		m.headers += "x-amz-security-token:" + m.Token + "\n"
		m.names += ";x-amz-security-token"
	}
	day := m.Date[:len(sigv4.DayLayout)]
	scope := day + "/" + s.cfg.Region + "/" + sigv4.Service + "/" + sigv4.Terminator
	m.credential = sigv4.Algorithm + " Credential=" + c.AccessKeyID + "/" + scope + ", SignedHeaders="
	m.setKey(sigv4.Key(c.SecretAccessKey, day, s.cfg.Region))
	m.inner = append(m.inner, sigv4.Algorithm+"\n"+m.Date+"\n"+scope+"\n"...)
	return m
}

// setKey makes the two blocks of an HMAC, so that a signature takes two hashes and no allocation.
func (m *Moment) setKey(key [sha256.Size]byte) {
	var inner [sha256.BlockSize]byte
	copy(inner[:], key[:])
	copy(m.outer[:], key[:])
	for i := range inner {
		inner[i] ^= 0x36
		m.outer[i] ^= 0x5c
	}
	m.inner = inner[:]
}

// Request has the signed parts of one request.
type Request struct {
	// Method is POST, GET or DELETE.
	Method       string
	ConnectionID string
	// ContentType is the value of Content-Type, or empty if the request does not have that header.
	// It is printable, and has neither spaces at its ends nor two spaces in a row.
	ContentType string
	// ContentLength is the size of the payload in bytes. The header is signed if it is above 0.
	ContentLength int
	PayloadHash   sigv4.Hash
}

// AppendAuthorization appends the value of the Authorization header to dst. It uses the capacity of
// dst beyond that value as scratch space.
func (m *Moment) AppendAuthorization(dst []byte, r Request) []byte {
	start := len(dst)
	dst = m.appendCanonical(dst, &r)
	request := sha256.Sum256(dst[start:])

	dst = append(dst[:start], m.inner...)
	dst = hex.AppendEncode(dst, request[:])
	var block [sha256.BlockSize + sha256.Size]byte
	copy(block[:], m.outer[:])
	inner := sha256.Sum256(dst[start:])
	copy(block[sha256.BlockSize:], inner[:])
	signature := sha256.Sum256(block[:])

	dst = append(dst[:start], m.credential...)
	dst = m.appendNames(dst, &r)
	dst = append(dst, ", Signature="...)
	return hex.AppendEncode(dst, signature[:])
}

// appendCanonical appends the canonical request, whose headers are sorted by name.
func (m *Moment) appendCanonical(dst []byte, r *Request) []byte {
	dst = append(dst, r.Method...)
	dst = append(dst, '\n')
	dst = append(dst, m.path...)
	dst = sigv4.AppendEscapedTwice(dst, r.ConnectionID)
	dst = append(dst, "\n\n"...) // no query
	if r.ContentLength > 0 {
		dst = append(dst, "content-length:"...)
		dst = strconv.AppendInt(dst, int64(r.ContentLength), 10)
		dst = append(dst, '\n')
	}
	if r.ContentType != "" {
		dst = append(dst, "content-type:"...)
		dst = append(dst, r.ContentType...)
		dst = append(dst, '\n')
	}
	dst = append(dst, m.headers...)
	dst = append(dst, '\n')
	dst = m.appendNames(dst, r)
	dst = append(dst, '\n')
	return append(dst, r.PayloadHash[:]...)
}

func (m *Moment) appendNames(dst []byte, r *Request) []byte {
	if r.ContentLength > 0 {
		dst = append(dst, "content-length;"...)
	}
	if r.ContentType != "" {
		dst = append(dst, "content-type;"...)
	}
	return append(dst, m.names...)
}

// connections is the path between that of the API and a connection id.
const connections = "/@connections/"

// AppendPath appends the path of a connection as it is on the wire: base, which is the escaped path
// of the API, "/@connections/", and the id with everything escaped but letters, digits and "-._~",
// as the SDK does.
func AppendPath(dst []byte, base, connectionID string) []byte {
	dst = append(dst, base...)
	return sigv4.AppendEscaped(append(dst, connections...), connectionID)
}
