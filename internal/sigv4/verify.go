package sigv4

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Verify tells if a request is signed with a secret, for execute-api in a region, and at a time that is near enough. The
// error is a [*Error], whose message has the canonical request where the signature is another, as that of AWS has.
func (c *Claim) Verify(r *Received, secret, region string, now time.Time) error {
	switch s := c.scope; {
	case s.region != region:
		return faultf(invalid, "Credential should be scoped to a valid region, not '%s'.", s.region)
	case s.service != service:
		return faultf(invalid, "Credential should be scoped to correct service: '%s'.", service)
	case s.closing != closing:
		return faultf(invalid, "Credential should be scoped with a valid terminator: '%s', not '%s'.", closing, s.closing)
	case s.day != c.signed.Format("20060102"):
		return faultf(invalid, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s'", s.day, c.signed.Format("20060102"))
	}
	const layout = "20060102T150405Z"
	now = now.UTC()
	switch earliest, latest := now.Add(-c.lifetime), now.Add(maxSkew); {
	case c.signed.Before(earliest):
		return faultf(invalid, "Signature expired: %s is now earlier than %s (%s - %v.)", c.signed.Format(layout), earliest.Format(layout), now.Format(layout), c.lifetime)
	case c.signed.After(latest):
		return faultf(invalid, "Signature not yet current: %s is still later than %s (%s + %v.)", c.signed.Format(layout), latest.Format(layout), now.Format(layout), maxSkew)
	}
	canonical := c.canonical(r)
	hash := sha256.Sum256([]byte(canonical))
	toSign := strings.Join([]string{algorithm, c.signed.Format(layout), c.scope.String(), hex.EncodeToString(hash[:])}, "\n")
	key := deriveKey(secret, c.scope.day, region)
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(toSign))
	given, err := hex.DecodeString(c.signature)
	if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
		return faultf(invalid, "The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\n"+
			"The Canonical String for this request should have been\n'%s'\n\nThe String-to-Sign should have been\n'%s'\n", canonical, toSign)
	}
	return nil
}

// canonical gives the request in the form of which the signature is (IAM User Guide, "Create a signed AWS API request").
func (c *Claim) canonical(r *Received) string {
	lines := []string{r.Method, escapePath(r.Path), c.canonicalQuery(r.Query)}
	for _, name := range c.names {
		lines = append(lines, name+":"+canonicalHeader(r, name))
	}
	return strings.Join(append(lines, "", strings.Join(c.names, ";"), string(r.PayloadHash[:])), "\n")
}

// canonicalQuery sorts by the escaped name, then by the escaped value.
func (c *Claim) canonicalQuery(query url.Values) string {
	var pairs [][2]string
	for name, values := range query {
		if c.presigned && name == "X-Amz-Signature" {
			continue
		}
		for _, value := range values {
			pairs = append(pairs, [2]string{string(appendEscaped(nil, name)), string(appendEscaped(nil, value))})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	var text strings.Builder
	for i, pair := range pairs {
		if i > 0 {
			text.WriteByte('&')
		}
		text.WriteString(pair[0] + "=" + pair[1])
	}
	return text.String()
}

func canonicalHeader(r *Received, name string) string {
	if name == "host" {
		return r.Host
	}
	values := slices.Clone(r.Header.Values(name))
	for i, value := range values {
		values[i] = strings.Join(strings.FieldsFunc(value, func(c rune) bool { return c == ' ' }), " ")
	}
	return strings.Join(values, ",")
}
