package recipes

import (
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
)

// devices lets devices connect with an API key.
func devices(store apikey.Store) authz.Authenticator {
	keys := apikey.New(store) // the APIKeys of a dynamo.DB
	return authz.Bearer(keys, authz.Header("X-Api-Key"))
}
