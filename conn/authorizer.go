package conn

import (
	"fmt"
	"strings"

	"github.com/gatesock/gatesock"
)

// AuthorizerPrefix begins the names of the attributes in which [Track] keeps what the authorizer returned: its value
// "roles" is the attribute "auth.roles". They are in a record as they were put with it: [Store.SetAttributes] and
// [WithAttributes] refuse such names with [ErrInvalid], so that an application which lets clients name attributes does not
// let them name their own roles. [Store.Put] takes them, for what stands in for Track.
const AuthorizerPrefix = "auth."

// Authorizer returns what the authorizer said of the client beside its name, as [Track] has put it into Attributes; nil if
// there is nothing.
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

// authorized returns the attributes of what the authorizer says of the client beside its name.
func authorized(req *gatesock.Request) map[string]string {
	attributes := make(map[string]string, len(req.Authorizer))
	for k, v := range req.Authorizer {
		if k != "principalId" && k != "integrationLatency" {
			attributes[AuthorizerPrefix+k] = v
		}
	}
	return attributes
}

// checkReserved refuses the name of an attribute that is not the application's.
func checkReserved(name string) error {
	if !strings.HasPrefix(name, AuthorizerPrefix) {
		return nil
	}
	return fmt.Errorf("%w: attribute %.100q: names that begin with %.100q are those of what the authorizer returned", ErrInvalid, name, AuthorizerPrefix)
}
