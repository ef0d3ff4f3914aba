package apigw

import "github.com/gatesock/gatesock"

// Need returns the need to use the @connections API of the program's own API. The environment
// variable is the URL of its endpoint:
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
