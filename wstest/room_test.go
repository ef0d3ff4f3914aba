package wstest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/gatesock/gatesock"
)

// room is an application with one room.
type room struct {
	post    gatesock.Poster
	mu      sync.Mutex
	members map[string]string // user by connection
}

type say struct {
	Text string `json:"text"`
}

func (s say) Validate() error {
	if s.Text == "" {
		return errors.New("text is empty")
	}
	return nil
}

type said struct {
	From string `json:"from"`
	Text string `json:"text"`
}

func newRoom(p gatesock.Poster) *gatesock.Router {
	a := &room{post: p, members: map[string]string{}}
	r := gatesock.New()
	r.Use(gatesock.Recover())
	r.OnConnect(a.connect)
	r.OnDisconnect(a.disconnect)
	gatesock.Handle(r, "join", a.join)
	gatesock.Handle(r, "say", a.say)
	gatesock.HandleReply(r, "who", a.who)
	return r
}

func (a *room) connect(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
	if req.PrincipalID() == "" {
		return nil, gatesock.Errorf(gatesock.CodeUnauthenticated, "who are you?")
	}
	if strings.Contains(req.Header.Get("Sec-WebSocket-Protocol"), "chat") {
		return &gatesock.Reply{Subprotocol: "chat"}, nil
	}
	return nil, nil
}

func (a *room) disconnect(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
	a.mu.Lock()
	delete(a.members, req.ConnectionID)
	a.mu.Unlock()
	return nil, a.tell(ctx, req.ConnectionID, "left", said{From: req.PrincipalID()})
}

func (a *room) join(ctx context.Context, req *gatesock.Request, _ struct{}) error {
	a.mu.Lock()
	a.members[req.ConnectionID] = req.PrincipalID()
	a.mu.Unlock()
	return a.tell(ctx, req.ConnectionID, "joined", said{From: req.PrincipalID()})
}

func (a *room) say(ctx context.Context, req *gatesock.Request, in say) error {
	return a.tell(ctx, req.ConnectionID, "said", said{From: req.PrincipalID(), Text: in.Text})
}

func (a *room) who(context.Context, *gatesock.Request, struct{}) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var users []string
	for _, u := range a.members {
		users = append(users, u)
	}
	slices.Sort(users)
	return users, nil
}

// tell posts to all members but one. It ignores those that are gone.
func (a *room) tell(ctx context.Context, except, event string, data said) error {
	frame, err := gatesock.Push{Event: event, Topic: "room", Data: data}.Encode(nil)
	if err != nil {
		return err
	}
	a.mu.Lock()
	var ids []string
	for id := range a.members {
		if id != except {
			ids = append(ids, id)
		}
	}
	a.mu.Unlock()
	for _, id := range ids {
		err := a.post.Post(ctx, gatesock.Target{ConnectionID: id}, frame)
		if err != nil && !errors.Is(err, gatesock.ErrGone) {
			return err
		}
	}
	return nil
}

// messageHandler is a handler that answers messages with f and accepts all connections.
func messageHandler(f func() ([]byte, error)) handlerFunc {
	return func(_ context.Context, event []byte) ([]byte, error) {
		if strings.Contains(string(event), `"eventType":"MESSAGE"`) {
			return f()
		}
		return []byte(`{"statusCode":200}`), nil
	}
}

func replaceID(text, id string) string { return strings.ReplaceAll(text, " ID ", " "+id+" ") }

type (
	ctx     = context.Context
	request = gatesock.Request
	empty   = struct{}
)
