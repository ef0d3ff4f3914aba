package cloud

import "github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/api"

func (c *Cloud) serveBuses() {
	c.events = &api.Service{Name: "events", JSON: "1.1", Refused: c.refused, Operation: func(string) api.Operation { return nil }}
}
