package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gatesock/gatesock/eventmux"
)

// maxBytes is the size of the largest reading.
const maxBytes = 4 << 10

// http takes readings of devices that have no connection.
func (a *app) http() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /readings", func(w http.ResponseWriter, r *http.Request) {
		p, err := a.keys.Verify(r.Context(), r.Header.Get("X-Api-Key"))
		if err != nil || !p.HasScope("device") {
			http.Error(w, "the key is missing, or not that of a device", http.StatusUnauthorized)
			return
		}
		var in Reading
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBytes)).Decode(&in); err != nil {
			http.Error(w, "not a reading", http.StatusBadRequest)
			return
		}
		if err := a.take(r.Context(), p.Attributes["tenant"], p.Attributes["device"], in); err != nil {
			http.Error(w, "send it again", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// mqtt takes readings that devices publish to <tenant>/<device>/readings. The policy of AWS IoT
// must allow each device no other topic. If mqtt fails, the message comes again.
func (a *app) mqtt(ctx context.Context, m eventmux.IoTMessage) error {
	level := strings.Split(m.Topic, "/")
	var in Reading
	if err := json.Unmarshal(m.Payload, &in); err != nil {
		slog.WarnContext(ctx, "not a reading", "topic", m.Topic, "error", err)
		return nil // it would be no reading the second time either
	}
	return a.take(ctx, level[0], level[1], in)
}
