package recipes

import (
	"context"
	"encoding/json"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
)

// Say is a request.
type Say struct {
	Room string `json:"room"`
	Text string `json:"text"`
}

func newLegacyRouter(store conn.Store, poster gatesock.Poster) *gatesock.Router {
	names := gatesock.Envelope{Action: "type", ID: "requestId", Data: "payload", Input: "payload"}
	r := gatesock.New(gatesock.WithEnvelope(names))
	b := broadcast.New(poster, store, broadcast.WithEnvelope(names))

	r.Use(gatesock.Recover(), conn.Track(store))
	said := gatesock.DeclarePush[string](r, "said")
	gatesock.HandleReply(r, "say", func(ctx context.Context, _ *gatesock.Request, in Say) (int, error) {
		report, err := b.Send(ctx, broadcast.To(in.Room), said.Push("", in.Text))
		return report.Delivered, err
	})
	gatesock.Handle(r, "typing", typing, gatesock.OneWay()) // never answered, not even with an error
	return r
}

func typing(context.Context, *gatesock.Request, struct{}) error { return nil }

type call struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

type result struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result"`
}

func newJSONRPCRouter() *gatesock.Router {
	r := gatesock.New()
	r.OnDefault(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		var c call
		if err := json.Unmarshal(req.Body, &c); err != nil {
			return nil, gatesock.Errorf(gatesock.CodeInvalidArgument, "the message is not JSON")
		}
		if c.Method != "echo" {
			return nil, gatesock.Errorf(gatesock.CodeNotFound, "there is no method %q", c.Method)
		}
		return &gatesock.Reply{Data: result{Version: "2.0", ID: c.ID, Result: c.Params}}, nil
	}, gatesock.Raw(), gatesock.WithErrorFrame(rpcError))
	return r
}

// rpcError encodes an error for clients that speak JSON-RPC.
func rpcError(req *gatesock.Request, err *gatesock.Error) []byte {
	var c call
	_ = json.Unmarshal(req.Body, &c)
	frame, _ := json.Marshal(map[string]any{
		"jsonrpc": "2.0", "id": c.ID, "error": map[string]any{"code": -32603, "message": err.Message},
	})
	return frame
}
