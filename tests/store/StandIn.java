/* SPDX-License-Identifier: MIT */

import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.net.InetSocketAddress;

/**
 * Serves MongoDB's wire protocol from memory, for tests, on a free port of 127.0.0.1 that it prints.
 * The library's own main() always takes port 27017, where somebody's real server may be.
 */
public class StandIn {
    public static void main(String[] arguments) {
        MongoServer server = new MongoServer(new MemoryBackend());
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind(new InetSocketAddress("127.0.0.1", 0));
        System.out.println("port " + server.getLocalAddress().getPort());
    }
}
