// Package signature verifies requests that are signed with AWS Signature Version 4 for API Gateway,
// in the header Authorization or, presigned, in the query.
//
//	claim, err := signature.ReadClaim(request)
//	if err != nil {
//		return err // a *signature.Error, as AWS would answer
//	}
//	secret := secretOf(claim.AccessKeyID)
//	err = claim.Verify(request, secret, "eu-west-1", time.Now())
package signature

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/internal/sigv4"
)

// Request is a request as its receiver sees it.
type Request struct {
	Method string
	// Path is the path on the wire, escaped as it is there.
	Path  string
	Query url.Values
	Host  string
	// Header has all headers but Host.
	Header      http.Header
	PayloadHash sigv4.Hash
}

// Claim has what a request states about its signature. It is not verified.
type Claim struct {
	AccessKeyID string
	// Token is the session token of temporary credentials, or empty.
	Token string

	signed    time.Time
	lifetime  time.Duration // how long after signed the request may arrive
	scope     scope
	names     []string // of the signed headers
	signature string
	presigned bool
}

// scope is where and when a signing key is valid.
type scope struct{ day, region, service, terminator string }

func (s scope) String() string { return s.day + "/" + s.region + "/" + s.service + "/" + s.terminator }

// How far the time of a request may be from that of its receiver: "in most cases, a request must
// reach AWS within five minutes of the time stamp" (IAM User Guide, "Elements of an AWS API request
// signature"). A presigned request states its lifetime, which is seven days at most.
const (
	maxSkew     = 5 * time.Minute
	maxLifetime = 7 * 24 * time.Hour
)

// Error is the error with which AWS refuses a signature: its type, and a message for the client.
type Error struct{ Type, Message string }

func (e *Error) Error() string { return e.Type + ": " + e.Message }

func errorf(kind, format string, args ...any) *Error {
	return &Error{kind, fmt.Sprintf(format, args...)}
}

const (
	incomplete = "IncompleteSignatureException"
	invalid    = "InvalidSignatureException"
)

// ReadClaim reads what a request states about its signature. It verifies nothing. Its errors are of
// type [*Error].
func ReadClaim(r *Request) (*Claim, error) {
	if line := r.Header.Get("Authorization"); line != "" {
		return claimOfHeader(r, line)
	}
	if r.Query.Has("X-Amz-Algorithm") {
		return claimOfQuery(r)
	}
	return nil, &Error{"MissingAuthenticationTokenException", "Missing Authentication Token"}
}

func claimOfHeader(r *Request, line string) (*Claim, error) {
	list, ok := strings.CutPrefix(line, sigv4.Algorithm+" ")
	if !ok {
		return nil, errorf(incomplete, "Authorization header must use the algorithm %s", sigv4.Algorithm)
	}
	parts := map[string]string{}
	for item := range strings.SplitSeq(list, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(item), "=")
		parts[name] = value
	}
	for _, name := range []string{"Credential", "SignedHeaders", "Signature"} {
		if parts[name] == "" {
			return nil, errorf(incomplete, "Authorization header requires '%s' parameter.", name)
		}
	}
	c := &Claim{Token: r.Header.Get("X-Amz-Security-Token"), lifetime: maxSkew, signature: parts["Signature"]}
	return c, c.read(r, parts["Credential"], parts["SignedHeaders"], r.Header.Get("X-Amz-Date"))
}

func claimOfQuery(r *Request) (*Claim, error) {
	if r.Query.Get("X-Amz-Algorithm") != sigv4.Algorithm {
		return nil, errorf(incomplete, "X-Amz-Algorithm must be %s", sigv4.Algorithm)
	}
	for _, name := range []string{
		"X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires",
	} {
		if r.Query.Get(name) == "" {
			return nil, errorf(incomplete, "AWS query-string parameters must include '%s'.", name)
		}
	}
	seconds, err := strconv.ParseUint(r.Query.Get("X-Amz-Expires"), 10, 31)
	lifetime := time.Duration(seconds) * time.Second //nolint:gosec // below 2^31
	if err != nil || lifetime < time.Second || lifetime > maxLifetime {
		return nil, errorf(incomplete, "X-Amz-Expires must be a number of seconds from 1 to %d", maxLifetime/time.Second)
	}
	c := &Claim{
		Token:     r.Query.Get("X-Amz-Security-Token"),
		lifetime:  lifetime,
		signature: r.Query.Get("X-Amz-Signature"),
		presigned: true,
	}
	return c, c.read(r, r.Query.Get("X-Amz-Credential"), r.Query.Get("X-Amz-SignedHeaders"), r.Query.Get("X-Amz-Date"))
}

// read reads what a header and a query state alike.
func (c *Claim) read(r *Request, credential, names, date string) error {
	parts := strings.Split(credential, "/")
	n := len(parts) - 4 // an access key id may have slashes
	if n < 1 || parts[0] == "" {
		return errorf(incomplete, "Credential must have at least 5 slash-delimited elements, got '%s'", credential)
	}
	c.AccessKeyID = strings.Join(parts[:n], "/")
	c.scope = scope{parts[n], parts[n+1], parts[n+2], parts[n+3]}
	var err error
	if c.signed, err = time.Parse(sigv4.TimeLayout, date); err != nil {
		return errorf(incomplete, "X-Amz-Date must have the form YYYYMMDD'T'HHMMSS'Z', got '%s'", date)
	}
	c.names = strings.Split(names, ";")
	return c.checkNames(r)
}

// checkNames checks that the host and every header of AWS are signed.
func (c *Claim) checkNames(r *Request) error {
	if all := strings.Join(c.names, ";"); !slices.IsSorted(c.names) || strings.ToLower(all) != all {
		return errorf(incomplete, "SignedHeaders must be lower-case and sorted")
	}
	must := []string{"host"}
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			must = append(must, name)
		}
	}
	for _, name := range must {
		if !slices.Contains(c.names, name) {
			return errorf(invalid, "'%s' must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	return nil
}
