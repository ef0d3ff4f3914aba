package conn

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
)

// DefaultTTL is how long a record lives without a $disconnect. API Gateway closes every
// connection after 2 hours (AWS Developer Guide, "Quotas for configuring and running a WebSocket
// API"); the other 10 minutes are a margin for clocks.
const DefaultTTL = 2*time.Hour + 10*time.Minute

// Conn is the record of one connection.
type Conn struct {
	// ID is the gateway's connection id. It must not be empty.
	ID string
	// User is the application's name for the user; empty if anonymous.
	User string
	// Endpoint is where to post to the connection; empty means the poster's own endpoint.
	Endpoint string
	// Attributes is what the application keeps about the connection. Names that begin with
	// [AuthorizerPrefix] hold what the authorizer returned. It is nil if there are none.
	Attributes map[string]string
	// Groups are the groups that the connection is a member of, sorted by their bytes, each once;
	// nil if there are none. [Store.Put] adds the [UserGroup] of User, if User is not empty.
	Groups []string
	// ConnectedAt is when the connection began, in UTC and whole milliseconds (cut, not rounded).
	ConnectedAt time.Time
	// ExpiresAt is when the record ceases to exist unless something removes it earlier, in UTC
	// and whole seconds (cut, not rounded). [Track] sets it to the expiry of the credential;
	// [Store.Extend] sets a later one.
	ExpiresAt time.Time
}

// Member is a connection in a group.
type Member struct {
	// ID is the connection id.
	ID string
	// Endpoint is where to post to it; empty means the poster's own endpoint.
	Endpoint string
}

// AuthorizerPrefix begins the names of the attributes in which [Track] keeps what the authorizer
// returned: its value "roles" is the attribute "auth.roles". [Store.SetAttributes] and
// [WithAttributes] refuse such names with [ErrInvalid], so that clients of an application that
// lets them name attributes cannot set their own roles. [Store.Put] accepts them.
const AuthorizerPrefix = "auth."

// Authorizer returns what the authorizer returned besides the principal id, as [Track] keeps it
// in Attributes. It returns nil if there is nothing.
func (c Conn) Authorizer() map[string]string {
	var values map[string]string
	for k, v := range c.Attributes {
		if name, ok := strings.CutPrefix(k, AuthorizerPrefix); ok {
			if values == nil {
				values = make(map[string]string)
			}
			values[name] = v
		}
	}
	return values
}

// authorized returns the attributes that hold what the authorizer returned besides the principal
// id.
func authorized(req *gatesock.Request) map[string]string {
	attributes := make(map[string]string, len(req.Authorizer))
	for k, v := range req.Authorizer {
		if k != "principalId" && k != "integrationLatency" {
			attributes[AuthorizerPrefix+k] = v
		}
	}
	return attributes
}

// checkReserved refuses the name of an attribute that is reserved for the authorizer's values.
func checkReserved(name string) error {
	if !strings.HasPrefix(name, AuthorizerPrefix) {
		return nil
	}
	return fmt.Errorf("%w: attribute %.100q: names that begin with %.100q are reserved for the authorizer's values",
		ErrInvalid, name, AuthorizerPrefix)
}

// sameAs reports whether two records with the same id are of the same connection.
func (c Conn) sameAs(other Conn) bool {
	return c.User == other.User && c.ConnectedAt.Equal(other.ConnectedAt)
}

// Normalize returns a record as a [Store] keeps it. Stores call it in Put. It fills in missing
// times and cuts the others, adds the group of the user, and sorts the groups, each once. The
// result shares no memory with c. It fails with [ErrInvalid], and names the part, if no Store
// accepts the record.
func (c Conn) Normalize(now time.Time) (Conn, error) {
	if err := c.check(); err != nil {
		return Conn{}, err
	}
	if c.ConnectedAt.IsZero() {
		c.ConnectedAt = now
	}
	if c.ExpiresAt.IsZero() {
		c.ExpiresAt = c.ConnectedAt.Add(DefaultTTL)
	}
	own := Conn{
		ID:          strings.Clone(c.ID),
		User:        strings.Clone(c.User),
		Endpoint:    strings.Clone(c.Endpoint),
		ConnectedAt: c.ConnectedAt.UTC().Truncate(time.Millisecond),
		ExpiresAt:   c.ExpiresAt.UTC().Truncate(time.Second),
	}
	for k, v := range c.Attributes {
		if own.Attributes == nil {
			own.Attributes = make(map[string]string, len(c.Attributes))
		}
		own.Attributes[strings.Clone(k)] = strings.Clone(v)
	}
	own.Groups = c.normalGroups()
	return own, nil
}

func (c *Conn) normalGroups() []string {
	groups := make([]string, 0, len(c.Groups)+1)
	for _, g := range c.Groups {
		groups = append(groups, strings.Clone(g))
	}
	if c.User != "" {
		groups = append(groups, UserGroup(c.User))
	}
	if len(groups) == 0 {
		return nil
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}
