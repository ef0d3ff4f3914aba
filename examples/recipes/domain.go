package recipes

import (
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/conn"
)

// newDomainClient returns a client for an API that the custom domain has under the mapping key
// "chat".
func newDomainClient(credentials aws.CredentialsProvider, region string) (*apigw.Client, error) {
	return apigw.New(credentials, "https://ws.example.com/chat", apigw.WithRegion(region))
}

// trackEndpoints keeps with each connection where to post to it.
func trackEndpoints(store conn.Store) gatesock.Middleware {
	mappings := map[string]string{"ws.example.com": "chat"} // domain: mapping key
	return conn.Track(store, conn.WithEndpoint(func(req *gatesock.Request) string {
		endpoint, _ := apigw.EndpointFor(req, mappings) // empty, the client's own, for other domains
		return endpoint
	}))
}
