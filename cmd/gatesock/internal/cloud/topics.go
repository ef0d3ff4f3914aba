package cloud

import "github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/api"

func (c *Cloud) serveTopics() {
	c.sns = &api.Service{Name: "sns", Namespace: "http://sns.amazonaws.com/doc/2010-03-31/", Query: true, Refused: c.refused, Operation: func(string) api.Operation { return nil }}
}
