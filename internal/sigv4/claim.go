package sigv4

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Received is a request as its receiver sees it.
type Received struct {
	Method string
	// Path is the one of the wire, escaped as it is there.
	Path  string
	Query url.Values
	Host  string
	// Header holds all headers but Host.
	Header      http.Header
	PayloadHash Hash
}

// Claim is what a request says of its signature: in the header Authorization, or, presigned, in its query.
type Claim struct {
	AccessKeyID string
	// Token is the session token that goes with temporary credentials, empty without.
	Token string

	signed    time.Time
	lifetime  time.Duration // how long after signed it may arrive
	scope     scope
	names     []string // of the signed headers
	signature string
	presigned bool
}

// scope is what a signing key is for.
type scope struct{ day, region, service, closing string }

func (s scope) String() string { return s.day + "/" + s.region + "/" + s.service + "/" + s.closing }

// How far a request's time may be from the receiver's: "in most cases, a request must reach AWS within five minutes of the
// time stamp" (IAM User Guide, "Elements of an AWS API request signature"). A presigned one lives as long as it
// says, at most seven days.
const (
	maxSkew     = 5 * time.Minute
	maxLifetime = 7 * 24 * time.Hour
)

// Error is why a signature does not count: an error of AWS by its type, with a message for the client.
type Error struct{ Type, Message string }

func (f *Error) Error() string { return f.Type + ": " + f.Message }

func faultf(kind, format string, args ...any) *Error {
	return &Error{kind, fmt.Sprintf(format, args...)}
}

const (
	incomplete = "IncompleteSignatureException"
	invalid    = "InvalidSignatureException"
)

// ReadClaim reads what a request says of its signature. The error is a [*Error]; nothing is verified yet.
func ReadClaim(r *Received) (*Claim, error) {
	if line := r.Header.Get("Authorization"); line != "" {
		return claimOfHeader(r, line)
	}
	if r.Query.Has("X-Amz-Algorithm") {
		return claimOfQuery(r)
	}
	return nil, &Error{"MissingAuthenticationTokenException", "Missing Authentication Token"}
}

func claimOfHeader(r *Received, line string) (*Claim, error) {
	list, ok := strings.CutPrefix(line, algorithm+" ")
	if !ok {
		return nil, faultf(incomplete, "Authorization header has another algorithm than %s", algorithm)
	}
	parts := map[string]string{}
	for item := range strings.SplitSeq(list, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(item), "=")
		parts[name] = value
	}
	for _, name := range []string{"Credential", "SignedHeaders", "Signature"} {
		if parts[name] == "" {
			return nil, faultf(incomplete, "Authorization header requires '%s' parameter.", name)
		}
	}
	c := &Claim{Token: r.Header.Get("X-Amz-Security-Token"), lifetime: maxSkew, signature: parts["Signature"]}
	return c, c.read(r, parts["Credential"], parts["SignedHeaders"], r.Header.Get("X-Amz-Date"))
}

func claimOfQuery(r *Received) (*Claim, error) {
	if r.Query.Get("X-Amz-Algorithm") != algorithm {
		return nil, faultf(incomplete, "X-Amz-Algorithm is another than %s", algorithm)
	}
	for _, name := range []string{"X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires"} {
		if r.Query.Get(name) == "" {
			return nil, faultf(incomplete, "AWS query-string parameters must include '%s'.", name)
		}
	}
	seconds, err := strconv.ParseUint(r.Query.Get("X-Amz-Expires"), 10, 31)
	lifetime := time.Duration(seconds) * time.Second //nolint:gosec // below 2^31
	if err != nil || lifetime < time.Second || lifetime > maxLifetime {
		return nil, faultf(incomplete, "X-Amz-Expires is not a number of seconds from 1 to %d", maxLifetime/time.Second)
	}
	c := &Claim{
		Token: r.Query.Get("X-Amz-Security-Token"), lifetime: lifetime, signature: r.Query.Get("X-Amz-Signature"), presigned: true,
	}
	return c, c.read(r, r.Query.Get("X-Amz-Credential"), r.Query.Get("X-Amz-SignedHeaders"), r.Query.Get("X-Amz-Date"))
}

// read takes in what both ways say alike.
func (c *Claim) read(r *Received, credential, names, date string) error {
	parts := strings.Split(credential, "/")
	n := len(parts) - 4 // an access key id may have slashes
	if n < 1 || parts[0] == "" {
		return faultf(incomplete, "Credential must have at least 5 slash-delimited elements, got '%s'", credential)
	}
	c.AccessKeyID = strings.Join(parts[:n], "/")
	c.scope = scope{parts[n], parts[n+1], parts[n+2], parts[n+3]}
	var err error
	if c.signed, err = time.Parse("20060102T150405Z", date); err != nil {
		return faultf(incomplete, "X-Amz-Date is not of the form YYYYMMDD'T'HHMMSS'Z': '%s'", date)
	}
	c.names = strings.Split(names, ";")
	return c.checkNames(r)
}

// checkNames demands that what matters is signed: the host, and every header of AWS's own.
func (c *Claim) checkNames(r *Received) error {
	if !slices.IsSorted(c.names) || strings.ToLower(strings.Join(c.names, ";")) != strings.Join(c.names, ";") {
		return faultf(incomplete, "SignedHeaders are not lower-case and sorted")
	}
	must := []string{"host"}
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			must = append(must, name)
		}
	}
	for _, name := range must {
		if !slices.Contains(c.names, name) {
			return faultf(invalid, "'%s' must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	return nil
}
