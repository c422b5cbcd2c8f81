// The Dapr sidecar as upstream builds it, with one component more.
//
// By itself a sidecar finds the others by multicast DNS: on every interface, and in a classroom it would find the
// todo-api of the next laptop. The sqlite resolver keeps who listens where in a file, and all of it on loopback.
package main

import (
	"github.com/dapr/components-contrib/nameresolution/sqlite"
	"github.com/dapr/dapr/cmd/daprd/app"
	"github.com/dapr/dapr/pkg/components/nameresolution"
)

func main() {
	nameresolution.DefaultRegistry.RegisterComponent(sqlite.NewResolver, "sqlite")
	app.Run()
}
