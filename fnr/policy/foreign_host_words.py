"""What is wrong on the host, as the C library and the shell say it in other languages.

In lower case, by what they say in English. Made by tools/capture_foreign_words.py.
"""

WORDS = {
    "No space left on device": (
        "auf dem gerät ist kein speicherplatz mehr verfügbar|aucun espace disponible sur le pér"
        "iphérique|no queda espacio en el dispositivo|spazio esaurito sul device|sem espaço livr"
        "e no dispositivo|não há espaço disponível no dispositivo|на устройстве не осталось своб"
        "одного места|недостатньо місця на пристрої|brak miejsca na urządzeniu|na zařízení není "
        "volné místo|nincs több hely a lemezen|geen ruimte meer over op apparaat|enheten är full"
        "|ikke mere plads på enheden|ikke mer plass på enheten|laitteella ei ole tilaa jäljellä|"
        "aygıt üzerinde boş yer yok|δεν έμεινε καθόλου χώρος στη συσκευή|デバイスに空き領域があ"
        "りません|设备上没有空间|裝置上已無多餘空間|장치에 남은 공간이 없음|không có đủ chỗ trống"
        " trên thiết bị|tidak ruang lagi diperangkat|no resta espai al dispositiu"
    ),
    "Disk quota exceeded": (
        "der zugewiesene plattenplatz (quota) ist überschritten|débordement du quota d'espace d"
        "isque|se ha excedido la cuota de disco|quota disco superata|quota do disco excedida|cot"
        "a da disco excedida|превышена дисковая квота|перевищено квоту диска|przekroczony limit "
        "dyskowy|překročena disková kvóta|lemezkvóta túllépve|schijfquotum is overschreden|diskk"
        "vot överskriden|diskkvoten overskredet|levykiintiö ylittynyt|disk kotası aşıldı|ξεπεράσ"
        "τηκε το όριο χρήσης δίσκου|ディスク使用量制限を超過しました|超出磁盘限额|磁碟配額已滿|"
        "디스크 할당량이 초과됨|vượt quá hạn ngạch đĩa|quota dis terlampaui|s’ha excedit la quota"
        " de disc"
    ),
    "Cannot allocate memory": (
        "nicht genügend hauptspeicher verfügbar|ne peut allouer de la mémoire|no se pudo asigna"
        "r memoria|impossibile allocare memoria|impossível alocar memória|não foi possível aloca"
        "r memória|невозможно выделить память|не вдалося розподілити пам’ять|nie można przydziel"
        "ić pamięci|nelze alokovat paměť|nem foglalható memória|onvoldoende geheugen beschikbaar"
        "|kan inte allokera minne|kan ikke tildele hukommelse|kan ikke tildele minne|muistin var"
        "aaminen ei onnistu|bellek ayrılamadı|δεν είναι δυνατό να δεσμευτεί μνήμη|メモリを確保で"
        "きません|无法分配内存|無法配置記憶體|메모리를 할당할 수 없습니다|không thể cấp phát bộ n"
        "hớ|tidak dapat mengalokasikan memori|no s’ha pogut reservar memòria"
    ),
    "Too many open files": (
        "zu viele offene dateien|trop de fichiers ouverts|demasiados ficheros abiertos|troppi f"
        "ile aperti|demasiados ficheiros abertos|muitos arquivos abertos|слишком много открытых "
        "файлов|забагато відкритих файлів|za dużo otwartych plików|překročen limit počtu otevřen"
        "ých souborů|túl sok nyitott fájl|te veel open bestanden|för många öppna filer|for mange"
        " åbne filer|for mange åpne filer|liian monta avointa tiedostoa|çok fazla açık dosya var"
        "|υπερβολικά πολλά ανοικτά αρχεία|ファイルを開きすぎです|打开的文件过多|開啟太多檔案|열"
        "린 파일이 너무 많음|quá nhiều tập tin đang mở|terlalu banyak berkas terbuka|el procés té"
        " massa fitxers oberts"
    ),
    "Too many open files in system": (
        "zu viele offene dateien im system|trop de fichiers ouverts dans le système|demasiados "
        "ficheros abiertos en el sistema|troppi file aperti nel sistema|demasiados ficheiros abe"
        "rtos no sistema|muitos arquivos abertos no sistema|слишком много открытых файлов в сист"
        "еме|у системі забагато відкритих файлів|za dużo otwartych plików w systemie|v celém sys"
        "tému je příliš mnoho otevřených souborů|túl sok nyitott fájl a rendszerben|te veel open"
        " bestanden in systeem|för många öppna filer i systemet|for mange åbne filer i systemet|"
        "for mange åpne filer i systemet|liian monta avointa tiedostoa järjestelmässä|sistemde ç"
        "ok fazla açık dosya var|υπερβολικα πολλά ανοικτά αρχεία στο σύστημα|システム中のファイ"
        "ルを開きすぎです|系统中打开的文件过多|系統中太多的開啟檔案|시스템에 파일을 너무 많이 열"
        "었음|quá nhiều tập tin còn đang mở trong hệ thống|terlalu banyak berkas terbuka dalam si"
        "stem|el sistema té massa fitxers oberts"
    ),
    "Resource temporarily unavailable": (
        "die ressource ist zur zeit nicht verfügbar|ressource temporairement non disponible|rec"
        "urso no disponible temporalmente|risorsa temporaneamente non disponibile|recurso tempor"
        "ariamente indisponível|ресурс временно недоступен|ресурс тимчасово недоступний|zasoby c"
        "hwilowo niedostępne|prostředek je dočasně nepřístupný|erőforrás átmenetileg nem érhető "
        "el|hulpbron is tijdelijk onbeschikbaar|resursen tillfälligt otillgänglig|resursen midle"
        "rtidig utilgængelig|ressursen midlertidig utilgjengelig|resurssi ei tilapäisesti ole kä"
        "ytettävissä|özkaynak geçici olarak kullanılamaz durumda|ο πόρος είναι προσωρινά μη διαθ"
        "έσιμος|リソースが一時的に利用できません|资源暂时不可用|資源暫時無法取得|자원이 일시적으"
        "로 사용 불가능함|tài nguyên tạm thời không sẵn sàng|sumber daya sementara tidak tersedia"
        "|el recurs no es troba disponible temporalment"
    ),
    "No such file or directory": (
        "datei oder verzeichnis nicht gefunden|aucun fichier ou dossier de ce type|no existe el"
        " fichero o el directorio|file o directory non esistente|ficheiro ou pasta inexistente|a"
        "rquivo ou diretório inexistente|нет такого файла или каталога|немає такого файла або ка"
        "талогу|nie ma takiego pliku ani katalogu|adresář nebo soubor neexistuje|nincs ilyen fáj"
        "l vagy könyvtár|bestand of map bestaat niet|filen eller katalogen finns inte|ingen såda"
        "n fil eller filkatalog|ingen slik fil eller filkatalog|tiedostoa tai hakemistoa ei ole|"
        "böyle bir dosya ya da dizin yok|δεν υπάρχει τέτοιο αρχείο ή κατάλογος|そのようなファイ"
        "ルやディレクトリはありません|没有那个文件或目录|沒有此一檔案或目錄|그런 파일이나 디렉터"
        "리가 없습니다|không có tập tin hoặc thư mục như vậy|tidak ada berkas atau direktori sepe"
        "rti itu|el fitxer o directori no existeix"
    ),
    "Permission denied": (
        "keine berechtigung|permission non accordée|permiso denegado|permesso negato|permissão "
        "recusada|permissão negada|отказано в доступе|відмовлено у доступі|brak dostępu|operace "
        "zamítnuta|engedély megtagadva|toegang geweigerd|åtkomst nekas|adgang nægtet|ikke tilgan"
        "g|lupa evätty|erişim engellendi|άρνηση πρόσβασης|許可がありません|权限不够|拒絕不符權限"
        "的操作|허가 거부|không đủ quyền truy cập|ijin ditolak|s’ha denegat el permís"
    ),
    "Operation not permitted": (
        "die operation ist nicht erlaubt|opération non permise|operación no permitida|operazion"
        "e non permessa|operação não permitida|операция не позволена|дію заборонено|operacja nie"
        "dozwolona|operace není povolena|a művelet nem engedélyezett|actie is niet toegestaan|op"
        "erationen inte tillåten|operationen er ikke tilladt|operasjonen er ikke tillatt|toimint"
        "o ei ole sallittu|işleme izin verilmedi|η λειτουργία δεν επιτρέπεται|許可されていない操"
        "作です|不允许的操作|此項操作並不被允許|명령을 허용하지 않음|thao tác không được phép|ope"
        "rasi tidak diijinkan|l’operació no és permesa"
    ),
    "Read-only file system": (
        "das dateisystem ist nur lesbar|système de fichiers accessible en lecture seulement|sis"
        "tema de ficheros de sólo lectura|file system in sola lettura|sistema de ficheiros só de"
        " leitura|sistema de arquivos somente para leitura|файловая система доступна только для "
        "чтения|файлова система тільки для зчитування|system plików wyłącznie do odczytu|systém "
        "souborů je pouze pro čtení|írásvédett fájlrendszer|bestandssysteem is alleen-lezen|skri"
        "vskyddat filsystem|filsystem med kun læseadgang|filsystem med kun lesetilgang|kirjoitus"
        "suojattu tiedostojärjestelmä|salt-okunur dosya sistemi|αναγνώσιμο-μόνο σύστημα αρχείων|"
        "読み込み専用ファイルシステムです|只读文件系统|唯讀的檔案系統|읽기전용 파일 시스템|hệ thố"
        "ng tập tin chỉ cho đọc|sistem berkas baca-saja|el sistema de fitxers és només de lectur"
        "a"
    ),
    "Not a directory": (
        "ist kein verzeichnis|n'est pas un dossier|no es un directorio|non è una directory|não "
        "é pasta|não é um diretório|это не каталог|не є каталогом|nie jest katalogiem|není adres"
        "ářem|nem könyvtár|is geen map|inte en katalog|ikke et katalog|ikke en filkatalog|ei ole"
        " hakemisto|bir dizin değil|δεν είναι κατάλογος|ディレクトリではありません|不是目录|並不"
        "是一個目錄|디렉터리가 아닙니다|không phải là một thư mục|bukan sebuah direktori|no és un"
        " directori"
    ),
    "Is a directory": (
        "ist ein verzeichnis|est un dossier|es un directorio|è una directory|é pasta|é um diret"
        "ório|это каталог|є каталогом|jest katalogiem|je adresářem|ez egy könyvtár|is een map|är"
        " en katalog|er et filkatalog|er en filkatalog|on hakemisto|bir dizin|είναι κατάλογος|デ"
        "ィレクトリです|是一个目录|是個目錄|디렉터리입니다|là một thư mục|adalah sebuah direktori"
        "|és un directori"
    ),
    "Input/output error": (
        "eingabe-/ausgabefehler|erreur d'entrée/sortie|error de entrada/salida|errore di input/"
        "output|erro de entrada/saída|ошибка ввода/вывода|помилка введення-виведення|błąd wejści"
        "a/wyjścia|chyba vstupu/výstupu|kimeneti/bemeneti hiba|invoer-/uitvoerfout|in/ut-fel|ind"
        "data/uddata-fejl|inn/ut-feil|i/o-virhe|girdi/çıktı hatası|σφάλμα εισόδου/εξόδου|入力/出"
        "力エラーです|输入/输出错误|輸入/輸出錯誤|입력/출력 오류|lỗi vào/ra|error masukan/keluara"
        "n|error d’entrada/sortida"
    ),
    "Stale file handle": (
        "veraltete dateizugriffsnummer (file handle)|panne d'accès au fichier|`handle' de fiche"
        "ro en desuso|gestão de ficheiro obsoleto|manipulador de arquivo corrompido|устаревший д"
        "ескриптор файла|застарілий дескриптор файла|nieaktualny uchwyt pliku|zastaralý ukazatel"
        " na soubor|achterhaald bestandshandvat|förlegat filhandtag|vanhentunut tiedostokahva|es"
        "ki dosya kolu|过旧的文件控柄|過舊的檔案控柄|끊어진 파일 핸들|bộ xử lý tập tin chớm hỏng"
        "|l’indicador del fitxer és obsolet"
    ),
    "Device or resource busy": (
        "das gerät oder die ressource ist belegt|périphérique ou ressource occupé|dispositivo o"
        " recurso ocupado|dispositivo o risorsa occupata|dispositivo ou recurso ocupado|disposit"
        "ivo ou recurso está ocupado|устройство или ресурс занято|пристрій або ресурс зайнято|ur"
        "ządzenie lub zasoby zajęte|zařízení nebo zdroj jsou používány|az eszköz vagy erőforrás "
        "foglalt|apparaat of hulpbron is bezig|enhet eller resurs upptagen|enheden eller ressour"
        "cen optaget|enheten eller ressursen opptatt|laite tai resurssi varattu|aygıt ya da özka"
        "ynak meşgul|συσκευή ή πόροι είναι απασχολημένοι|デバイスもしくはリソースがビジー状態で"
        "す|设备或资源忙|裝置或系統資源忙碌中|장치나 자원이 동작 중|thiết bị hoặc tài nguyên đang"
        " bận|perangkat atau sumber daya sibuk|el dispositiu o recurs es troba ocupat"
    ),
    "Text file busy": (
        "das programm kann nicht ausgeführt oder verändert werden (busy)|fichier texte occupé|e"
        "l fichero de texto está ocupado|file di testo occupato|ficheiro de texto ocupado|área d"
        "e texto ocupada|текстовый файл занят|текстовий файл зайнято|plik wykonywalny zajęty|sou"
        "bor je používán|a szövegfájl foglalt|tekstbestand is in gebruik|kodfil upptagen|tekstfi"
        "l optaget|programfil opptatt|tekstitiedosto varattu|metin dosyası meşgul|αρχείο κειμένο"
        "υ σε χρήση|テキストファイルがビジー状態です|文本文件忙|文字檔忙錄中|실행 파일 사용 중|t"
        "ập tin văn bản đang bận|berkas teks sibuk|el fitxer de text es troba ocupat"
    ),
    "File exists": (
        "die datei existiert bereits|le fichier existe|el fichero ya existe|file già esistente|"
        "o ficheiro existe|arquivo existe|файл существует|файл вже існує|plik istnieje|soubor ji"
        "ž existuje|a fájl már létezik|bestand bestaat al|filen existerar|filen eksisterer|tiedo"
        "sto on olemassa|dosya var|το αρχείο υπάρχει|ファイルが存在します|文件已存在|檔案已存在|"
        "파일이 있습니다|tập tin đã sẵn có|berkas telah ada|el fitxer ja existeix"
    ),
    "Exec format error": (
        "fehler im format der programmdatei|erreur de format pour exec()|formato de ejecutable "
        "incorrecto|formato eseguibile non valido|erro de formato do executável|erro no formato "
        "exec|ошибка формата выполняемого файла|помилка, пов’язана з форматом виконуваних файлів"
        "|błędny format pliku wykonywalnego|chybný formát spustitelného souboru|érvénytelen végr"
        "ehajtható fájlformátum|verkeerd uitvoerbaar bestand|formatfel på körbar fil|ugyldigt fo"
        "rmat på eksekverbar fil|ugyldig format på eksekverbar fil|käynnistettävän tiedoston muo"
        "to virheellinen|çalıştırılabilir biçem hatası|σφάλμα στη διαμόρφωση του εκτελέσιμου|実"
        "行形式エラー|可执行文件格式错误|可執行檔格式錯誤|exec 형식 오류|lỗi định dạng thực hiện|"
        "format eksekusi error|l’executable té un format erroni"
    ),
    "File too large": (
        "die datei ist zu groß|fichier trop gros|fichero demasiado grande|file troppo grande|fi"
        "cheiro muito grande|arquivo muito grande|файл слишком велик|файл є надто великим|plik z"
        "byt duży|soubor je příliš velký|a fájl túl nagy|bestand is te groot|för stor fil|for st"
        "or fil|liian suuri tiedosto|dosya çok büyük|πολύ μεγάλο αρχείο|ファイルが大きすぎます|"
        "文件过大|檔案太大|파일이 너무 큽니다|tập tin quá lớn|berkas terlalu besar|el fitxer és m"
        "assa gran"
    ),
    "No such device": (
        "kein passendes gerät gefunden|aucun périphérique de ce type|no existe el dispositivo|n"
        "essun device corrisponde|dispositivo inexistente|нет такого устройства|пристрою не знай"
        "дено|nie ma takiego urządzenia|takové zařízení neexistuje|nincs ilyen eszköz|onjuist ap"
        "paraat|enheten finns inte|ingen sådan enhed|ingen slik enhet|laitetta ei ole|böyle bir "
        "aygıt yok|δεν υπάρχει τέτοια συσκευή|そのようなデバイスはありません|没有那个设备|沒有此"
        "一裝置|그런 장치가 없음|không có thiết bị như vậy|tidak ada perangkat seperti itu|el dis"
        "positiu no és vàlid"
    ),
    "No such device or address": (
        "kein passendes gerät bzw. keine passende adresse gefunden|aucun périphérique ou adress"
        "e|no existe el dispositivo o la dirección|device o indirizzo non esistente|dispositivo "
        "ou endereço inexistente|endereço ou dispositivo inexistente|нет такого устройства или а"
        "дреса|немає такого пристрою чи адреси|nie ma takiego urządzenia ani adresu|takové zaříz"
        "ení nebo adresa neexistuje|nem létező eszköz vagy cím|apparaat of adres bestaat niet|en"
        "heten eller adressen finns inte|ingen sådan enhed eller adresse|laitetta tai osoitetta "
        "ei ole|böyle bir aygıt ya da adres yok|δεν υπάρχει τέτοια συσκευή ή διεύθυνση|そのよう"
        "なデバイスやアドレスはありません|没有那个设备或地址|沒有此一裝置或位址|그런 장치 혹은 주"
        "소가 없음|không có thiết bị hoặc địa chỉ như vậy|tidak ada perangkat atau alamat seperti"
        " itu|el dispositiu o adreça no existeix"
    ),
    "Directory not empty": (
        "das verzeichnis ist nicht leer|le dossier n'est pas vide|el directorio no está vacío|d"
        "irectory non vuota|a pasta não está vazia|diretório não vazio|каталог не пуст|каталог н"
        "епорожній|katalog nie jest pusty|adresář není prázdný|a könyvtár nem üres|map is niet l"
        "eeg|katalog inte tom|filkataloget er ikke tomt|filkatalogen er ikke tom|hakemisto ei ol"
        "e tyhjä|dizin boş değil|ο κατάλογος δεν είναι κενός|ディレクトリは空ではありません|目录"
        "非空|目錄不是空的|디렉터리가 비어있지 않음|thư mục không rỗng|direktori tidak kosong|el "
        "directori no és buit"
    ),
    "Too many levels of symbolic links": (
        "zu viele ebenen aus symbolischen links|trop de niveaux de liens symboliques|demasiados"
        " niveles de enlaces simbólicos|troppi livelli di collegamenti simbolici|demasiados níve"
        "is de ligações simbólicas|muitos níveis de links simbólicos|слишком много уровней симво"
        "льных ссылок|забагато рівнів символічних посилань|za duże zagnieżdżenie dowiązań symbol"
        "icznych|příliš mnoho úrovní symbolických odkazů|túl sok szimbolikus link|te veel niveau"
        "s van symbolische koppelingen -- vermoedelijk een lus|för många nivåer av symboliska lä"
        "nkar|for mange niveauer med symbolske lænker|for mange nivåer med symbolske linker|liia"
        "n monta symbolisten linkkien tasoa|sembolik bağların seviyeleri çok fazla|υπερβολικά πο"
        "λλά επίπεδα συμβολικών συνδέσμων|シンボリックリンクの階層が多すぎます|符号连接的层数过"
        "多|太多層級的符號連結檔|기호 연결의 단계가 너무 많음|quá nhiều cấp liên kết mềm|terlalu "
        "banyak tingkat dari sambungan simbolis|hi ha massa nivells d’enllaços simbòlics"
    ),
    "File name too long": (
        "der dateiname ist zu lang|nom de fichier trop long|nombre de fichero demasiado largo|n"
        "ome del file troppo lungo|nome de ficheiro muito grande|nome de arquivo muito longo|сли"
        "шком длинное имя файла|файл є занадто великим|za długa nazwa pliku|příliš dlouhé jméno "
        "souboru|túl hosszú fájlnév|bestandsnaam is te lang|för långt filnamn|for langt filnavn|"
        "liian pitkä tiedostonimi|dosya ismi çok uzun|πολύ μεγάλο όνομα αρχείου|ファイル名が長す"
        "ぎます|文件名过长|檔名太長|파일 이름이 너무 깁니다|tên tập tin quá dài|nama berkas terla"
        "lu panjang|el nom de fitxer és massa llarg"
    ),
    "Invalid argument": (
        "das argument ist ungültig|argument invalide|argumento inválido|argomento non valido|не"
        "допустимый аргумент|некоректний аргумент|zły argument|nepřípustný argument|érvénytelen "
        "argumentum|ongeldig argument|ogiltigt argument|ugyldigt argument|ugyldig argument|virhe"
        "ellinen argumentti|geçersiz argüman|μη έγκυρη παράμετρος|無効な引数です|无效的参数|不適"
        "用的引數|부적절한 인수|đối số không hợp lệ|argumen tidak valid|l’argument passat no és v"
        "àlid"
    ),
    "Argument list too long": (
        "die argumentliste ist zu lang|liste d'arguments trop longue|la lista de argumentos es "
        "demasiado larga|elenco degli argomenti troppo lungo|lista de argumentos muito longa|сли"
        "шком длинный список аргументов|занадто довгий список аргументів|lista argumentów za dłu"
        "ga|příliš dlouhý seznam argumentů|túl hosszú argumentumlista|argumentenlijst is te lang"
        "|argumentlistan för lång|argumentlisten er for lang|argumenttilista on liian pitkä|argü"
        "man listesi çok uzun|ο κατάλογος των παραμέτρων είναι πολύ μακρύς|引数リストが長すぎま"
        "す|参数列表过长|引數列項目過長|인수 명단이 너무 김|danh sách đối số quá dài|daftar argum"
        "en terlalu panjang|la llista d’arguments és massa llarga"
    ),
    "Invalid cross-device link": (
        "ungültiger link über gerätegrenzen hinweg|lien physique inter-périphérique invalide|en"
        "lace cruzado entre dispositivos no permitido|collegamento tra dispositivi non valido|li"
        "gação entre dispositivos inválida|link entre dispositivos inválido|неверная ссылка межд"
        "у устройствами|некоректне перехресне посилання на пристрій|błędne dowiązanie między urz"
        "ądzeniami|odkaz mezi zařízeními není přípustný|érvénytelen eszközközi link|ongeldige ko"
        "ppeling tussen apparaten|ogiltig länk över skilda enheter|ugyldig lænke over adskilte e"
        "nheder|ugyldig link over adskilte enheter|virheellinen laitteiden välinen linkki|karşı "
        "aygıta bağ geçersiz|μη έγκυρος σύνδεσμος μεταξύ συσκευών|無効なクロスデバイスリンクです"
        "|无效的跨设备链接|不適用的裝置間連結|부적절한 장치간 연결|liên kết thiết bị chéo không "
        "hợp lệ|hubungan antar-perangkat tidak valid|no es pot crear un enllaç entre dispositius"
    ),
    "Bad file descriptor": (
        "ungültiger dateideskriptor|mauvais descripteur de fichier|descriptor de fichero erróne"
        "o|descrittore di file errato|mau descritor de ficheiro|descritor de arquivo inválido|не"
        "правильный дескриптор файла|помилковий дескриптор файла|błędny deskryptor pliku|chybný "
        "popisovač souboru|hibás fájlleíró|ongeldige bestandsdescriptor|felaktig filidentifierar"
        "e|ugyldig fildeskriptor|virheellinen tiedostokahva|dosya betimleyici hatalı|εσφαλμένος "
        "περιγραφέας αρχείου|不正なファイル記述子です|错误的文件描述符|錯誤的檔案敘述項|파일 디"
        "스크립터가 잘못됨|bộ mô tả tập tin sai|berkas deskripsi buruk|el descriptor de fitxer no"
        " és vàlid"
    ),
    "Function not implemented": (
        "die angeforderte funktion ist nicht implementiert|fonction non implantée|función no im"
        "plementada|funzione non implementata|função não implementada|функция не реализована|фун"
        "кцію не реалізовано|nie zaimplementowana funkcja|funkce není implementována|a függvény "
        "nincs megvalósítva|functie is niet aanwezig|funktion inte implementerad|funktionen er i"
        "kke implementeret|funksjonen er ikke implementert|funktion toteutus puuttuu|işlev bulun"
        "amadı (bir güncelleme gerekebilir)|η λειτουργία δεν έχει υλοποιηθεί|関数は実装されてい"
        "ません|函数未实现|功能沒有實作|함수를 구현하지 않았습니다|hàm chưa có đoạn mã thực hiện|"
        "fungsi tidak terimplementasi|la funció no està implementada"
    ),
    "No locks available": (
        "keine sperren verfügbar|aucun verrou disponible|no se pueden bloquear más ficheros|nes"
        "sun lock disponibile|sem bloqueios disponíveis|não há travas disponíveis|нет доступных "
        "блокировок|блокування недоступні|brak dostępnych blokad|zámky nejsou k dispozici|nem ér"
        "hetők el zárolások|geen vergrendelingen meer beschikbaar|inga lås tillgängliga|ingen lå"
        "se tilgængelige|ingen låser tilgjengelige|lukkoja ei ole käytettävissä|işe yarar kilit "
        "yok|δεν υπάρχουν διαθέσιμα κλειδώματα|ロックが利用できません|没有可用的锁|無法鎖定資料|"
        "사용가능한 잠금장치가 없음|không có khóa sẵn sàng|tidak ada kunci yang tersedia|no hi ha"
        " blocatges disponibles"
    ),
    "Killed": (
        "getötet|processus arrêté|terminado (killed)|ucciso|morto|убито|вбито|unicestwiony|zabi"
        "t (sigkill)|kilőve|geëlimineerd|dödad|dræbt|drept|tapettu|süreç durduruldu|σκοτώθηκε|強"
        "制終了|已杀死|強制結束|죽었음|bị buộc kết thúc|terbunuh|matat"
    ),
    "Segmentation fault": (
        "speicherzugriffsfehler|erreur de segmentation|violación de segmento|errore di segmenta"
        "zione|falta de segmentação|falha de segmentação|ошибка сегментирования|помилка адресува"
        "ння|naruszenie ochrony pamięci|neoprávněný přístup do paměti (sigsegv)|szegmentálási hi"
        "ba|segmentatiefout|segmenteringsfel|segmentfejl|minnesegmentsfeil|muistialueen ylitys|p"
        "arçalama arızası|σφάλμα κατάτμησης (segmentation fault)|段错误|程式記憶體區段錯誤|세그"
        "멘테이션 오류|lỗi phân đoạn|kerusakan segmentasi|violació de segment"
    ),
    "Bus error": (
        "bus-zugriffsfehler|erreur du bus|error del bus|errore di bus|erro de bus|erro no barra"
        "mento|ошибка шины|помилка каналу обміну даними|błąd szyny|chyba na sběrnici (neplatná a"
        "dresa) (sigbus)|busz hiba|busfout|bussfel|busfejl|bussfeil|väylävirhe|veri yolu hatası|"
        "σφάλμα στον δίαυλο(bus)|バスエラー|总线错误|匯流排錯誤|버스 오류|lỗi bus|error de bus"
    ),
    "Illegal instruction": (
        "ungültiger maschinenbefehl|instruction non permise|instrucción ilegal|istruzione non c"
        "onsentita|instrução ilegal|недопустимая инструкция|помилкова інструкція|błędna instrukc"
        "ja|nedovolená instrukce (sigill)|érvénytelen utasítás|ongeldige instructie|otillåten in"
        "struktion|ulovlig instruktion (sigill)|ulovlig instruksjon (sigill)|virheellinen käsky|"
        "yönerge kuraldışı|ακατάλληλη εντολή|非法指令|無效指令|명령어가 잘못됨|chỉ lệnh không hợ"
        "p lệ|instruksi tidak legal|la instrucció no és permesa"
    ),
    "Floating point exception": (
        "gleitkomma-ausnahme|exception en point flottant|excepción de coma flotante|eccezione i"
        "n virgola mobile|excepção de vírgula flutuante|exceção de ponto flutuante|исключение в "
        "операции с плавающей точкой|помилка обчислень з рухомою комою|błąd w obliczeniach zmien"
        "noprzecinkowych|výjimka v pohyblivé řádové čárce (sigfpe)|lebegőpontos kivétel|drijvend"
        "ekomma-berekeningsfout|flyttalsfel|undtagelsestilfælde ved flydende taloperation|unntak"
        "stilfelle ved flyttallsoperasjon|liukulukupoikkeus|gerçel sayı istisnası|εξαίρεση κινητ"
        "ής υποδιαστολής|浮動小数点例外|浮点数例外|浮點數例外|부동 소수점 예외|ngoại lệ dấu chấm"
        " động|eksepsi titik pecahan|excepció de coma flotant"
    ),
    "cannot open shared object file": (
        "kann die shared-object-datei nicht öffnen|ne peut ouvrir le fichier d'objet partagé|no"
        " se puede abrir el fichero del objeto compartido|impossibile aprire il file oggetto con"
        "diviso|impossível abrir ficheiro-objecto partilhado|não é possível abrir arquivo compar"
        "tilhado|невозможно открыть разделяемый объектный файл|не вдалося відкрити файл об’єктів"
        " спільного використання|nie można otworzyć pliku obiektu dzielonego|sdílený objektový s"
        "oubor nelze otevřít|nem nyitható meg a megosztott objektumfájl|kan gedeeld objectbestan"
        "d niet openen|kan inte öppna delad objektfil|kan ikke åbne delt objektfil|jaettua objek"
        "titiedostoa ei voi avata|paylaşımlı nesne dosyası açılamıyor|共有オブジェクトファイルを"
        "開けません|无法打开共享对象文件|無法開啟共用物件|동적 오브젝트 파일을 열 수 없습니다|khô"
        "ng thể mở tập tin đối tượng dùng chung|tidak dapat membuka berkas objek terbagi|no s’ha"
        " pogut obrir el fitxer d’objecte compartit"
    ),
    "command not found": (
        "kommando nicht gefunden|commande introuvable|orden no encontrada|comando non trovato|c"
        "omando não encontrado|команда не найдена|команду не знайдено|nie znaleziono polecenia|p"
        "říkaz nenalezen|parancs nem található|comandă negăsită|opdracht niet gevonden|kommandot"
        " finns inte|kommando ikke fundet|komentoa ei löydy|komut yok|εντολή δεν βρέθηκε|コマン"
        "ドが見つかりません|未找到命令|：指令找不到|명령어를 찾을 수 없음|không tìm thấy lệnh|per"
        "intah tidak ditemukan|no s'ha trobat l'ordre"
    ),
}
