package apigw

// wires has the ways to the gateway that one Client may take.
type wires struct{ http *httpWire }

func newWires(set *settings) wires {
	transport := set.transport
	if transport == nil {
		transport = newTransport(set, newTLSConfig(set.tls))
	}
	return wires{http: newHTTPWire(transport)}
}

// to chooses the way to an endpoint.
func (w wires) to(*endpoint) wire { return shared{w.http} }

// shared is one endpoint's part in the way over net/http. The connections of an endpoint that is no longer used are left
// to their timeout, since net/http can close only those of all endpoints.
type shared struct{ *httpWire }

func (shared) CloseIdleConnections() {}
