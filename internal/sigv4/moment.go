package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	service   = "execute-api"
	closing   = "aws4_request"
)

// Moment is what the requests of one second to one endpoint have in common. It does not change and may be shared.
type Moment struct {
	// Date and Token are the values of the headers X-Amz-Date and X-Amz-Security-Token; without a token, that header
	// is left out.
	Date, Token string

	second int64
	// path is the canonical path up to the id.
	path string
	// headers ends a canonical request's headers: those that all requests have.
	headers string
	// names ends the list of signed headers.
	names string
	// credential begins the value of Authorization, up to the list of signed headers.
	credential string
	// inner begins what the signature's inner hash is of: the key's block, and the string to sign but for the
	// request's own hash. outer is the key's block for the outer hash (RFC 2104).
	inner []byte
	outer [sha256.BlockSize]byte
}

func newMoment(s *Signer, c Credentials, now time.Time) *Moment {
	now = now.UTC()
	m := &Moment{
		Date:   now.Format("20060102T150405Z"),
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
	day := m.Date[:len("20060102")]
	scope := day + "/" + s.cfg.Region + "/" + service + "/" + closing
	m.credential = algorithm + " Credential=" + c.AccessKeyID + "/" + scope + ", SignedHeaders="
	m.setKey(deriveKey(c.SecretAccessKey, day, s.cfg.Region))
	m.inner = append(m.inner, algorithm+"\n"+m.Date+"\n"+scope+"\n"...)
	return m
}

// setKey lays out the two blocks of an HMAC, so that a signature is two hashes and no allocation.
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

func deriveKey(secret, day, region string) [sha256.Size]byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{day, region, service, closing} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	return [sha256.Size]byte(key)
}

// Hash is a payload's SHA-256 in lower-case hexadecimal digits.
type Hash [2 * sha256.Size]byte

// HashPayload hashes a message, once for all requests that carry it. Without a message, it is that of no bytes.
func HashPayload(data []byte) (h Hash) {
	sum := sha256.Sum256(data)
	hex.Encode(h[:], sum[:])
	return h
}

// Request is what is signed of one request.
type Request struct {
	// Method is POST, GET or DELETE.
	Method       string
	ConnectionID string
	// ContentType is the value of Content-Type, empty if the request has none. It is printable and has no spaces at
	// its ends and no two in a row.
	ContentType string
	// ContentLength is the payload's size. The header is signed only where it is above 0.
	ContentLength int
	PayloadHash   Hash
}

// AppendAuthorization appends the value of the Authorization header to dst. Room after it in dst is written to.
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

// appendCanonical appends the canonical request. Its headers are in the order of their names.
func (m *Moment) appendCanonical(dst []byte, r *Request) []byte {
	dst = append(dst, r.Method...)
	dst = append(dst, '\n')
	dst = append(dst, m.path...)
	dst = appendTwiceEscaped(dst, r.ConnectionID)
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
