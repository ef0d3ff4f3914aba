package apigw

import "github.com/gatesock/gatesock"

// Need returns the right to use the @connections API of the program's own API, whose endpoint the
// environment variable has:
//
//	endpoint := apigw.Need("GATEWAY_ENDPOINT")
//	client, err := apigw.New(apigw.EnvironmentCredentials(), endpoint.Value())
//	...
//	router.DeclareNeeds(endpoint)
func Need(variable string) gatesock.Need {
	return gatesock.Need{
		Kind:     gatesock.NeedConnections,
		Variable: variable,
		Actions:  []string{"execute-api:ManageConnections"},
	}
}
