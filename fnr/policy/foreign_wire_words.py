"""What is wrong with the way to others, as the C library and the shell say it in other languages.

In lower case, by what they say in English. Made by tools/capture_foreign_words.py.
"""

WORDS = {
    "Connection refused": (
        "verbindungsaufbau abgelehnt|connexion refusée|conexión rehusada|connessione rifiutata|"
        "ligação recusada|conexão recusada|в соединении отказано|у з'єднанні відмовлено|połączen"
        "ie odrzucone|spojení odmítnuto|kapcsolat elutasítva|verbinding is geweigerd|förbindelse"
        "n förvägrad|opkobling nægtet|oppkobling nektes|yhteys torjuttu|bağlantı reddedildi|απόρ"
        "ριψη σύνδεσης|接続を拒否されました|拒绝连接|連線被拒絕|연결이 거부됨|kết nối bị từ chối"
        "|koneksi ditolak|s’ha refusat la connexió"
    ),
    "Connection reset by peer": (
        "die verbindung wurde vom kommunikationspartner zurückgesetzt|connexion ré-initialisée "
        "par le correspondant|conexión reinicializada por la máquina remota|connessione interrot"
        "ta dal corrispondente|ligação reposta pelo peer|conexão fechada pela outra ponta|соедин"
        "ение разорвано другой стороной|вузол розірвав з’єднання|połączenie zerwane przez drugą "
        "stronę|spojení zrušeno druhou stranou|a kapcsolatot bontotta a távoli fél|verbinding is"
        " weggevallen|förbindelse borttagen av partnern|forbindelsen brudt i den anden ende|forb"
        "indelsen brutt i den andre enden|vastapää sulki yhteyden|bağlantı karşıdan kesildi|η σύ"
        "νδεση έκλεισε από το ταίρι|接続が相手からリセットされました|连接被对方重设|連線被對方重"
        "設|상대편이 연결을 끊음|kết nối bị đặt lại bởi ngang hàng|koneksi direset oleh peer|la m"
        "àquina remota ha reiniciat la connexió"
    ),
    "Software caused connection abort": (
        "das programm verursachte den abbruch der verbindung|le logiciel a provoqué l'abandon d"
        "e la connexion|el programa provocó el fin de la conexión|connessione interrotta per un "
        "problema software|o programa abortou a ligação|término de conexão causada por software|"
        "программа вызвала разрыв соединения|з’єднання розірвано програмним забезпеченням|oprogr"
        "amowanie spowodowało przerwanie połączenia|software způsobil ukončení spojení (abort)|a"
        " szoftver kapcsolatszakadást okozott|verbinding is verbroken door lokaal probleem|progr"
        "amvaran orsakade ett förbindelsebrott|programmet forårsagede forbindelsesafbrud|program"
        "vare forårsaket forbindelsesbrudd|ohjelmisto aiheutti yhteyden katkaisun|yazılım bağlan"
        "tının kopmasına sebep oldu|το λογισμικό προκάλεσε ακύρωση σύνδεσης|ソフトウェアが接続を"
        "中断しました|由软件导致的连接断开|軟體造成連線中斷|소프트웨어가 연결 중단을 초래했습니다"
        "|phần mềm đã gây ra kết nối hủy bỏ|perangkat lunak menyebabkan pembatalan koneksi|el pr"
        "ogramari ha tallat la connexió"
    ),
    "Connection timed out": (
        "die wartezeit für die verbindung ist abgelaufen|connexion terminée par expiration du d"
        "élai d'attente|expiró el tiempo de conexión|connessione scaduta|ligação expirada|tempo "
        "esgotado para conexão|время ожидания соединения истекло|перевищено інтервал очікування "
        "з'єднання|przekroczony czas oczekiwania na połączenie|spojení bylo příliš dlouho neakti"
        "vní|időtúllépés a kapcsolatban|verbinding is verlopen|förbindelsens tidsgräns löpte ut|"
        "opkoblingen overskred tidsgrænsen|oppkoblingen overskred tidsgrensen|yhteys aikakatkais"
        "tu|bağlantıda zaman aşımı|λήξη σύνδεσης|接続がタイムアウトしました|连接超时|連線超過時"
        "間|연결 시간 초과|kết nối đã quá hạn|koneksi kehabisan waktu|la connexió ha expirat"
    ),
    "Broken pipe": (
        "datenübergabe unterbrochen (broken pipe)|relais brisé (pipe)|tubería rota|pipe interro"
        "tta|túnel quebrado|pipe quebrado|обрыв канала|канал обірвано|przerwany potok|roura přer"
        "ušena (sigpipe)|törött adatcsatorna|gebroken pijp|brutet rör|kanalen blev brudt|røret b"
        "le brutt|katkennut putki|veri alınamıyor|διακοπείσα σωλήνωση|断开的管道|管線損壞|파이프"
        "가 깨어짐|ống dẫn bị hỏng|pipa rusak|la canonada s’ha trencat"
    ),
    "No route to host": (
        "keine route zum zielrechner|aucun chemin d'accès pour atteindre l'hôte cible|no existe"
        " ninguna ruta hasta el `host'|nessun instradamento per l'host|sem caminho para o anfitr"
        "ião|não há rota para o host|нет маршрута до узла|немає маршруту до вузла|brak trasy do "
        "hosta|k počítači neexistuje cesta|nincs útvonal a gép felé|geen route naar host|ingen v"
        "äg till värd|ingen rute til værtsmaskinen|ingen rute til vertsmaskinen|reititystä konee"
        "seen ei ole|makinaya ağ üzerinden yol yok|δεν υπάρχει διαδρομή στο σύστημα|ホストへの経"
        "路がありません|没有到主机的路由|找不到通往該主機的路由路徑|호스트로 갈 루트가 없음|không"
        " có đường dẫn đến máy|tidak ada rute ke host|no hi ha cap camí cap a l’estació"
    ),
    "Host is down": (
        "der rechner ist nicht aktiv|l'hôte cible est arrêté ou en panne|el `host' no está oper"
        "ativo|l'host non è attivo|o anfitrião está em baixo|host está desligado|узел выключен|в"
        "узол вимкнено|urządzenie jest wyłączone|počítač není v provozu|a gép nem működik|host i"
        "s inactief|värddator är nere|værtsmaskinen er nede|vertsmaskin er nede|kone on alhaalla"
        "|makina çökük|το σύστημα δε λειτουργεί|ホストが落ちています|主机关闭|遠端系統已停機了|"
        "호스트가 죽었습니다|máy không chạy|host sedang turun|l’estació no està operativa"
    ),
    "Network is unreachable": (
        "das netzwerk ist nicht erreichbar|le réseau n'est pas accessible|la red es inaccesible"
        "|la rete non è raggiungibile|rede inacessível|a rede está fora de alcance|сеть недоступ"
        "на|не вдалося отримати доступ до мережі|sieć jest niedostępna|síť není dostupná|a hálóz"
        "at elérhetetlen|netwerk is onbereikbaar|nätverket kan inte nås|netværket er ikke tilgæn"
        "geligt|nettverket er ikke tilgjengelig|verkkoa ei tavoiteta|ağ erişilebilir durumda değ"
        "il|το δίκτυο δεν είναι προσπελάσιμο|ネットワークに届きません|网络不可达|無法接觸網路|네"
        "트워크가 접근 불가능합니다|không thể kết nối mạng|jaringan tidak dapat dicapai|la xarxa "
        "és inabastable"
    ),
    "Network is down": (
        "das netzwerk ist nicht aktiv|le réseau ne fonctionne pas|la red no está activa|la rete"
        " non è disponibile|a rede está em baixo|a rede não responde|сеть не работает|мережу вим"
        "кнено|sieć jest wyłączona|síťování je mimo provoz|a hálózat nem működik|netwerk ligt pl"
        "at|nätverket är nere|netværket er nede|nettverket er nede|verkko on poissa käytöstä|ağ "
        "yok oldu|το δίκτυο δε λειτουργεί|ネットワークが落ちています|网络已关闭|網路停擺|네트워"
        "크가 죽었습니다|mạng không hoạt động|jaringan sedang turun|la xarxa no és activa"
    ),
    "Transport endpoint is not connected": (
        "der socket ist nicht verbunden|noeud final de transport n'est pas connecté|el otro ext"
        "remo de la conexión no está conectado|il socket di destinazione non è connesso|ponto fi"
        "nal do transporte não está ligado|ponto final de transporte não está conectado|конечная"
        " точка передачи не подсоединена|кінцеву точку передавання не з’єднано|drugi koniec nie "
        "jest połączony|koncový komunikační bod není připojen|a szállítási végpont nincs csatlak"
        "oztatva|overdrachtseindpunt is niet verbonden|transportslutpunkten är inte förbunden|tr"
        "ansport-endepunkt er ikke forbundet|transport-endepunktene er ikke sammenkoblet|siirron"
        " vastapää ei ole yhdistetty|diğer uç aktarım için bağlı değil|η άκρη μεταφοράς δεν είνα"
        "ι συνδεδεμένη|通信端点が接続されていません|传输端点尚未连接|傳輸的兩端尚未連線|전송 종"
        "료지점이 연결되어 있지 않습니다|điểm cuối truyền chưa kết nối|transport titik-akhir tida"
        "k terhubung|l’extrem de transport no és connectat"
    ),
    "Address already in use": (
        "die adresse wird bereits verwendet|adresse déjà utilisée|la dirección ya se está usand"
        "o|indirizzo già in uso|endereço já em uso|адрес уже используется|адресу вже використано"
        "|adres jest już w użyciu|adresa je užívána|a cím már használatban van|adres is al in ge"
        "bruik|adressen redan upptagen|adressen er allerede i brug|adressen er allerede i bruk|o"
        "soite on jo käytössä|adres zaten kullanımda|η διεύθυνση υποδοχής είναι ήδη σε χρήση|ア"
        "ドレスは既に使用中です|地址已在使用|位址已經有在使用|주소가 이미 사용 중입니다|địa chỉ đ"
        "ang được dùng|alamat telah digunakan|l’adreça ja és en ús"
    ),
    "Cannot assign requested address": (
        "die angeforderte adresse kann nicht zugewiesen werden|ne peut attribuer l'adresse dema"
        "ndée|no se puede asignar la dirección solicitada|impossibile assegnare l'indirizzo rich"
        "iesto|impossível atribuir o endereço pedido|não foi possível acessar o endereço requisi"
        "tado|невозможно назначить запрошенный адрес|не вдалося призначити вказану адресу|nie mo"
        "żna przypisać żądanego adresu|požadovanou adresu nelze přiřadit|nem sikerült a kért cím"
        "et hozzárendelni|kan verzochte adres niet toewijzen|kan inte tilldela begärd adress|kan"
        " ikke tildele den ønskede adresse|kan ikke benytte den ønskede adressen|pyydettyä osoit"
        "etta ei voi asettaa|istenen adres bulunamıyor|δεν είναι δυνατή η εκχώρηση της ζητηθήσας"
        " διεύθυνσης|要求アドレスに割り当てられません|无法指定被请求的地址|無法指定所需的位址|요"
        "청한 주소를 배정할 수 없습니다|không thể gán địa chỉ đã yêu cầu|tidak dapat menempatkan "
        "permintaan alamat|no s’ha pogut assignar l’adreça sol·licitada"
    ),
    "No buffer space available": (
        "kein hauptspeicher für den puffer verfügbar|aucun espace tampon disponible|no queda es"
        "pacio para memoria intermedia|nessuno spazio di buffer disponibile|sem espaço disponíve"
        "l no buffer|não há espaço de buffer disponível|недостаточно буферного пространства|у бу"
        "фері не залишилося місця|brak miejsca w buforze|pro vyrovnávací paměť není volné místo|"
        "nem érhető el pufferterület|geen bufferruimte meer beschikbaar|ingen buffertplats tillg"
        "änglig|ikke mere buffer-plads tilgængelig|ikke mer buffer-plass tilgjengelig|puskuritil"
        "aa ei ole vapaana|g/ç önbelleklerinin hepsi kullanımda|δεν υπάρχει διαθέσιμος χώρος εντ"
        "αμίευσης|利用可能な空きバッファがありません|没有可用的缓冲区空间|沒有可用的緩衝空間了|"
        "사용 가능한 버퍼 공간이 없음|không có vùng đệm sẵn sàng|tidak ada ruang penyangga yang t"
        "ersedia|no hi ha memòria intermèdia disponible"
    ),
    "Operation not supported": (
        "die operation wird nicht unterstützt|opération non supportée|la operación no está sopo"
        "rtada|operazione non supportata|operação não suportada|operação sem suporte|неподдержив"
        "аемая операция|дія не підтримується|operacja nie obsługiwana|operace není podporována|a"
        " művelet nem támogatott|actie wordt niet ondersteund|operationen stöds ej|operationen e"
        "r ikke understøttet|operasjonen er ikke støttet|toiminto ei ole tuettu|işlem desteklenm"
        "iyor|η λειτουργία δεν υποστηρίζεται|サポートされていない操作です|不支持的操作|此項操作"
        "並不被支援|명령을 지원하지 않음|thao tác không được hỗ trợ|operasi tidak didukung|no es "
        "permet l’ús de l’operació"
    ),
    "Resource deadlock avoided": (
        "verklemmung beim zugriff auf eine ressource vermieden|blocage évité des accès aux ress"
        "ources|se ha evitado un bloqueo de recursos|evitato uno stallo di risorse (deadlock)|im"
        "passe de recursos evitado|evitado deadlock de recurso|предотвращена тупиковая ситуация "
        "при обращении к ресурсу|уникнено взаємне блокування ресурсу|uniknięto zakleszczenia zas"
        "obów|bylo zabráněno vzájemnému zablokování prostředků|erőforrás-holtpont elkerülve|voll"
        "edige blokkering van hulpbron is omzeild|resursdödläge undveks|klarede at undgå baglås "
        "ved tildeling af ressource|klarte å unngå vranglås ved tildeling av ressurs|resurssiump"
        "ikuja vältetty|özkaynak ölükilidi engellendi|αποφεύχθηκε αδιέξοδο σφάλμα πόρων|リソース"
        "のデッドロック回避|已避免资源死锁|避開資源鎖定|자원 교착상태를 피했습니다|tránh tài nguy"
        "ên bế tắc|deadlock sumber daya dihindari|s’ha evitat un interbloqueig amb el recurs"
    ),
    "Name or service not known": (
        "der name oder der dienst ist nicht bekannt|nom ou service inconnu|nombre o servicio de"
        "sconocido|nome o servizio sconosciuto|nome ou serviço desconhecidos|nome ou serviço des"
        "conhecido|неизвестное имя или служба|невідома назва чи сервіс|ta nazwa lub usługa jest "
        "nieznana|neznámé jméno nebo služba|a név vagy a szolgáltatás nem ismert|naam of dienst "
        "is niet bekend|namn eller tjänst okänd|navn eller tjeneste ukendt|navn eller tjeneste u"
        "kjent|nimeä tai palvelua ei tunneta|isim ya da servis bilinmiyor|το όνομα ή η υπηρεσία "
        "δεν είναι γνωστά|名前またはサービスが不明です|未知的名称或服务|名稱或服務未知|이름 혹은"
        " 서비스를 알 수 없습니다|không rõ tên hoặc dịch vụ|nama atau layanan tidak diketahui|el"
        " nom o servei no és conegut"
    ),
    "Temporary failure in name resolution": (
        "temporärer fehler bei der namensauflösung|échec temporaire dans la résolution du nom|f"
        "allo temporal en la resolución del nombre|errore temporaneo nella risoluzione del nome|"
        "falha temporária na resolução de nome|falha temporário na resolução de nome|временный с"
        "бой в разрешении имен|тимчасова помилка розв'язання назв|odwzorowanie nazwy jest chwilo"
        "wo niemożliwe|dočasná chyba při vyhodnocování jména|átmeneti névfeloldási hiba|tijdelij"
        "k probleem in naamsherleiding|namnuppslagning misslyckades temporärt|midlertidig fejl i"
        " navneopslag|midlertidig feil i navneoppslag|tilapäinen virhe nimenselvityksessä|isim ç"
        "özünürlüğünde geçici başarısızlık|προσωρινή αποτυχία κατά την ανάλυση ονόματος|名前解決"
        "に一時的に失敗しました|域名解析暂时失败|解析名稱時發生暫時性錯誤|name resolution에서 일"
        "시적인 실패|tạm thời không thể phân giải tên|kegagalan sementara dalam resolusi nama|fal"
        "lada temporal a la resolució de noms"
    ),
    "Non-recoverable failure in name resolution": (
        "nicht-behebbarer fehler in der namensauflösung|échec non récupérable lors de la résolu"
        "tion du nom|fallo irrecuperable en la resolución del nombre|errore irrecuperabile nella"
        " risoluzione del nome|falha irrecuperável na resolução de nome|неисправимая ошибка в ра"
        "зрешении имен|критична помилка при розв'язанні назв|wystąpił krytyczny błąd w odwzorowa"
        "niu nazw|neopravitelná chyba při vyhodnocení názvu|helyreállíthatatlan névfeloldási hib"
        "a|onherstelbaar probleem in naamsherleiding|icke återhämtningsbart fel i namnuppslagnin"
        "gen|uoverkommelig fejl i navneopslag|uoverkommelig feil i navneoppslag|peruuttamaton vi"
        "rhe nimenselvityksessä|isim çözümlemesinde düzeltilebilir olmayan bozukluk|μη-αποκαταστ"
        "ήσιμο σφάλμα κατά την ανάλυση ονόματος|名前解決で回復できない失敗が発生しました|域名解"
        "析中出现不可修复的失败|解析名稱時發生無法復原錯誤|name resolution에서 복구할 수 없는 실"
        "패|lỗi không thể phục hồi khi phân giải tên|kegagalan tidak terekover dalam resolusi nam"
        "a|fallada irrecuperable a la resolució de noms"
    ),
    "No address associated with hostname": (
        "zu diesem hostnamen gehört keine adresse|aucune adresse associée avec le nom de l'hôte"
        "|no existe ninguna dirección asociada al nombre|nessun indirizzo associato al nome host"
        "|sem endereço associado ao nome de servidor|não há endereço associado com o nome|с имен"
        "ем узла не связано ни одного адреса|з даною назвою вузла не пов'язано жодної адреси|bra"
        "k adresu związanego z nazwą hosta|jméno počítače nemá přiřazenu adresu|nincs cím társít"
        "va a gépnévhez|aan hostnaam is geen adres verbonden|ingen adress associerad med värdnam"
        "n|ingen adresse associeret med værtsnavn|ingen adresse assosiert med vertsnavn|konenime"
        "en ei liity osoitetta|makina ismiyle ilişkili adres yok|καμιά διεύθυνση δε συνδέεται με"
        " το όνομα συστήματος|ホスト名にアドレスが割り当てられていません|没有与主机名关联的地址|"
        "沒有位址關聯至此主機名稱|호스트이름과 대응되는 주소가 없음|không có địa chỉ liên quan đế"
        "n tên máy|tidak ada alamat terasosiasi dengan hostname|no hi ha cap adreça associada am"
        "b el nom d’estació"
    ),
}
