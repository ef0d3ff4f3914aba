package bridge

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	mqtt "github.com/mochi-mqtt/server/v2"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/examples/iot"
)

// session is what a client has signed in as.
type session struct {
	id, clientID, tenant string
	device               string // empty if it speaks for all devices of the tenant
	pipeline             pipeline
}

var errKey = errors.New("the key has no tenant, or neither the scope ingest nor device")

// signIn returns the session of a client that has a key.
func signIn(ctx context.Context, keys authz.Verifier, clientID, key string) (*session, error) {
	who, err := keys.Verify(ctx, key)
	if err != nil {
		return nil, err
	}
	s := &session{
		id: rand.Text(), clientID: clientID, tenant: who.Attributes[iot.AttributeTenant], pipeline: newPipeline(),
	}
	switch {
	case s.tenant == "" || !who.HasScope(iot.ScopeIngest) && !who.HasScope(iot.ScopeDevice):
		return nil, errKey
	case !who.HasScope(iot.ScopeIngest):
		s.device = who.Attributes[iot.AttributeDevice]
		if s.device == "" {
			return nil, errKey
		}
	}
	tenant, name, _ := strings.Cut(clientID, ".")
	if tenant != s.tenant || name == "" || s.device != "" && name != s.device {
		return nil, fmt.Errorf("the client id must be %s.%s", s.tenant, cmp.Or(s.device, "<name>"))
	}
	return s, nil
}

// mayPublish reports whether the client may publish to a topic.
func (s *session) mayPublish(topic string) bool {
	device, kind, ok := s.split(topic)
	return ok && device != "+" && (kind == "readings" || kind == "results")
}

// mayReceive reports whether the client may subscribe to a filter, or have what is published to a
// topic.
func (s *session) mayReceive(topic string) bool {
	_, kind, ok := s.split(topic)
	return ok && kind == "commands"
}

// split returns the device and the kind of a topic of the client.
func (s *session) split(topic string) (device, kind string, ok bool) {
	parts := strings.Split(topic, "/")
	if len(parts) != 3 || parts[0] != s.tenant || parts[1] == "" || s.device != "" && parts[1] != s.device {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// lifecycle is the payload of an event in the life of a client, as of AWS IoT Core.
type lifecycle struct {
	ClientID  string   `json:"clientId"`
	Timestamp int64    `json:"timestamp"`
	EventType string   `json:"eventType"`
	Session   string   `json:"sessionIdentifier"`
	Topics    []string `json:"topics,omitempty"`
}

func (l lifecycle) payload() []byte {
	data, err := json.Marshal(l)
	if err != nil {
		panic(err) // it has strings only
	}
	return data
}

func sessionOf(cl *mqtt.Client) *session {
	if c, ok := cl.Net.Conn.(*connection); ok {
		return c.session
	}
	return nil
}

func setSession(cl *mqtt.Client, s *session) bool {
	c, ok := cl.Net.Conn.(*connection)
	if ok {
		c.session = s
	}
	return ok
}
