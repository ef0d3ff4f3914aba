package signature

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock/internal/sigv4"
)

// Verify checks that a request is signed with a secret, for API Gateway in a region, and at a time
// near enough to now. Its errors are of type [*Error]. If the signature differs, the message has
// the canonical request, as that of AWS has.
func (c *Claim) Verify(r *Request, secret, region string, now time.Time) error {
	if err := c.checkScope(region); err != nil {
		return err
	}
	if err := c.checkTime(now.UTC()); err != nil {
		return err
	}
	canonical := c.canonical(r)
	hash := sha256.Sum256([]byte(canonical))
	toSign := strings.Join([]string{
		sigv4.Algorithm, c.signed.Format(sigv4.TimeLayout), c.scope.String(), hex.EncodeToString(hash[:]),
	}, "\n")
	key := sigv4.Key(secret, c.scope.day, region)
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(toSign))
	given, err := hex.DecodeString(c.signature)
	if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
		return errorf(invalid, "The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\n"+
			"The Canonical String for this request should have been\n'%s'\n\n"+
			"The String-to-Sign should have been\n'%s'\n", canonical, toSign)
	}
	return nil
}

func (c *Claim) checkScope(region string) error {
	signedOn := c.signed.Format(sigv4.DayLayout)
	switch s := c.scope; {
	case s.region != region:
		return errorf(invalid, "Credential should be scoped to a valid region, not '%s'.", s.region)
	case s.service != sigv4.Service:
		return errorf(invalid, "Credential should be scoped to correct service: '%s'.", sigv4.Service)
	case s.terminator != sigv4.Terminator:
		return errorf(invalid, "Credential should be scoped with a valid terminator: '%s', not '%s'.",
			sigv4.Terminator, s.terminator)
	case s.day != signedOn:
		return errorf(invalid, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "+
			"'%s' != '%s'", s.day, signedOn)
	default:
		return nil
	}
}

func (c *Claim) checkTime(now time.Time) error {
	text := func(t time.Time) string { return t.Format(sigv4.TimeLayout) }
	switch earliest, latest := now.Add(-c.lifetime), now.Add(maxSkew); {
	case c.signed.Before(earliest):
		return errorf(invalid, "Signature expired: %s is now earlier than %s (%s - %v.)",
			text(c.signed), text(earliest), text(now), c.lifetime)
	case c.signed.After(latest):
		return errorf(invalid, "Signature not yet current: %s is still later than %s (%s + %v.)",
			text(c.signed), text(latest), text(now), maxSkew)
	default:
		return nil
	}
}

// canonical returns the request in the form that is signed (IAM User Guide, "Create a signed AWS
// API request").
func (c *Claim) canonical(r *Request) string {
	lines := []string{r.Method, sigv4.CanonicalPath(r.Path), c.canonicalQuery(r.Query)}
	for _, name := range c.names {
		lines = append(lines, name+":"+canonicalHeader(r, name))
	}
	return strings.Join(append(lines, "", strings.Join(c.names, ";"), string(r.PayloadHash[:])), "\n")
}

// canonicalQuery sorts parameters by the escaped name, then by the escaped value.
func (c *Claim) canonicalQuery(query url.Values) string {
	var pairs [][2]string
	for name, values := range query {
		if c.presigned && name == "X-Amz-Signature" {
			continue
		}
		for _, value := range values {
			pairs = append(pairs, [2]string{escaped(name), escaped(value)})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	var text strings.Builder
	for i, pair := range pairs {
		if i > 0 {
			text.WriteByte('&')
		}
		text.WriteString(pair[0] + "=" + pair[1])
	}
	return text.String()
}

func escaped(text string) string { return string(sigv4.AppendEscaped(nil, text)) }

func canonicalHeader(r *Request, name string) string {
	if name == "host" {
		return r.Host
	}
	values := slices.Clone(r.Header.Values(name))
	for i, value := range values {
		values[i] = strings.Join(strings.FieldsFunc(value, func(c rune) bool { return c == ' ' }), " ")
	}
	return strings.Join(values, ",")
}
